/** One relay: what it is, how it does, and what was noticed. */
import { signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { RelayPageBody } from '../api/bodies.ts'
import { askAgainMs, type Failure } from '../api/failure.ts'
import { get } from '../api/get.ts'
import { RANGE_WORDS } from '../api/ranges.ts'
import { frontHref, range } from '../app/address.ts'
import { FailureNotice } from '../app/failure-notice.tsx'
import { Section } from '../app/section.tsx'
import { count, milliseconds, percent } from '../figures/format.ts'
import { Kinds } from '../figures/kinds.tsx'
import { Age, SOURCES } from '../figures/provenance.tsx'
import { isStandingStill, StandstillNotice } from '../figures/standstill.tsx'
import { UserCount } from '../figures/user-count.tsx'
import { Health } from './health.tsx'
import { Monitors } from './monitors.tsx'
import { RelayFacts } from './relay-facts.tsx'
import { RelayHistory } from './relay-history.tsx'
import { RelayLog } from './relay-log.tsx'
import { ownName, relayName } from './relay-names.ts'
import { RelayState } from './relay-state.tsx'

const REFRESH_MS = 60_000

/** Counts the presses of "try again". */
const attempt = signal(0)

export function RelayPage({ url }: { readonly url: string }) {
  const relay = useSignal<RelayPageBody | undefined>(undefined)
  const failure = useSignal<Failure | undefined>(undefined)
  const asked = range.value
  const attempts = attempt.value

  // Another attempt asks again, as another relay or range does.
  useEffect(() => {
    const stopped = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = async () => {
      const answer = await get<RelayPageBody>(
        `/stats/relays/${encodeURIComponent(url)}?range=${asked}`,
        stopped.signal,
      )
      if (stopped.signal.aborted) return
      failure.value = answer.ok ? undefined : answer.failure
      if (answer.ok) relay.value = answer.value
      const waitMs = answer.ok ? REFRESH_MS : askAgainMs(answer.failure, Date.now())
      if (waitMs !== undefined) timer = setTimeout(() => void ask(), waitMs)
    }
    void ask()
    return () => {
      stopped.abort()
      clearTimeout(timer)
    }
  }, [url, asked, attempts])

  return (
    <>
      <p class="crumb">
        <a href={frontHref()}>← All relays and figures</a>
      </p>
      <header class="opening">
        <h1 tabIndex={-1} class="opening__relay">
          {relayName(url)}
        </h1>
        <p class="lead">
          <bdi>{ownName(relay.value ?? { url, name: null }) || ' '}</bdi>
        </p>
      </header>
      {failure.value !== undefined && (
        <FailureNotice failure={failure.value} onRetry={() => (attempt.value += 1)} />
      )}
      {relay.value !== undefined && <Relay relay={relay.value} isHourly={asked === '24h'} />}
      {relay.value === undefined && failure.value === undefined && (
        <div class="bone bone--page" aria-hidden="true" />
      )}
    </>
  )
}

interface RelayProps {
  readonly relay: RelayPageBody
  readonly isHourly: boolean
}

function Relay({ relay, isHourly }: RelayProps) {
  const { updated_at, coverage, records_missing = false } = relay
  const aside = <Age at={updated_at} />
  const when = RANGE_WORDS[range.value].long
  return (
    <>
      {isStandingStill(updated_at) && <StandstillNotice at={updated_at} />}
      <RelayTiles relay={relay} />
      <p class="provenance">
        <Age at={updated_at} />
        <span>over {when}</span>
        <span>
          {relay.history.length === 0
            ? 'no history yet'
            : `measured in ${regionsOf(relay).length} ${regionsOf(relay).length === 1 ? 'region' : 'regions'}: ${regionsOf(relay).join(', ')}`}
        </span>
        <span>{SOURCES[coverage.source] ?? coverage.source}</span>
      </p>
      <Section id="history" title="History" about={`Latency, uptime and events over ${when}.`} aside={aside}>
        {records_missing ? MISSING : <RelayHistory history={relay.history} isHourly={isHourly} />}
      </Section>
      <Section id="kinds" title="Kinds" about="What it has shown, by kind of event." aside={aside}>
        {relay.events === 0 ? (
          <p class="empty">It has shown no event of this time.</p>
        ) : (
          <Kinds counts={relay.kind_distribution} total={relay.events} />
        )}
      </Section>
      <Section id="facts" title="About" about="What the relay says of itself (NIP-11)." aside={aside}>
        <RelayFacts relay={relay} />
      </Section>
      <Section
        id="monitors"
        title="Other monitors"
        about="What others measured (NIP-66), and where it differs from what is measured here."
        aside={aside}
      >
        {records_missing ? MISSING : <Monitors monitors={relay.monitors} />}
      </Section>
      <Section
        id="log"
        title="Log"
        about="Changes of state, and everything it did wrong. Nothing of that is in the figures."
        aside={aside}
      >
        {records_missing ? MISSING : <RelayLog logs={relay.logs} offences={relay.offences} />}
      </Section>
    </>
  )
}

/** Figures are in memory, the rest is not. */
const MISSING = (
  <p class="empty">This cannot be read at the moment: the database does not answer. It is asked again.</p>
)

function regionsOf({ history }: RelayPageBody): readonly string[] {
  return [...new Set(history.flatMap(({ regions }) => Object.keys(regions)))].sort()
}

function RelayTiles({ relay }: { readonly relay: RelayPageBody }) {
  const { health_score, uptime, latency, latency_p95, events, active_users, state } = relay
  return (
    <dl class="tiles">
      <div class="tile" data-tile="state">
        <dt>State</dt>
        <dd class="tile__value tile__value--word">
          <RelayState state={state} />
        </dd>
        <dd class="tile__aside">
          {relay.needs_payment ? 'asks for payment' : 'no payment asked'}
          {relay.needs_auth && '; asks who you are'}
        </dd>
      </div>
      <div class="tile" data-tile="health">
        <dt>Health</dt>
        <dd class="tile__value">
          <Health score={health_score} />
        </dd>
        <dd class="tile__aside">of 100</dd>
      </div>
      <div class="tile" data-tile="uptime">
        <dt>Uptime</dt>
        <dd class="tile__value">{uptime === null ? <span class="absent">–</span> : percent(uptime)}</dd>
        <dd class="tile__aside">
          {uptime === null ? 'not watched in this time' : 'of the time it was watched'}
        </dd>
      </div>
      <div class="tile" data-tile="latency">
        <dt>Latency</dt>
        <dd class="tile__value">
          {latency === null ? <span class="absent">–</span> : milliseconds(latency)}
        </dd>
        <dd class="tile__aside">
          {latency_p95 === null ? 'not measured' : `median; 95 % within ${milliseconds(latency_p95)}`}
        </dd>
      </div>
      <div class="tile" data-tile="events">
        <dt>Events</dt>
        <dd class="tile__value">{count(events)}</dd>
        <dd class="tile__aside">distinct ones that it has shown</dd>
      </div>
      <div class="tile" data-tile="people">
        <dt>People</dt>
        <dd class="tile__value">
          <UserCount of={active_users} />
        </dd>
        <dd class="tile__aside">authors of these</dd>
      </div>
    </dl>
  )
}
