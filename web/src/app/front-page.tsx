import type { FullBody, OverviewBody } from '../api/bodies.ts'
import { RANGE_WORDS } from '../api/ranges.ts'
import { Activity } from '../charts/activity.tsx'
import { Clients } from '../clients/clients.tsx'
import { count } from '../figures/format.ts'
import { Kinds } from '../figures/kinds.tsx'
import { Languages } from '../figures/languages.tsx'
import { People } from '../figures/people.tsx'
import { Provenance } from '../figures/provenance.tsx'
import { Retention } from '../figures/retention.tsx'
import { StandstillNotice } from '../figures/standstill.tsx'
import { Tiles, TilesSkeleton } from '../figures/tiles.tsx'
import { Zaps } from '../figures/zaps.tsx'
import { failure } from '../live/connection.ts'
import { activity, areStale, full, isChanging, overview, tryAgain } from '../live/figures.ts'
import { Recommendations } from '../recommendations/recommendations.tsx'
import { RelayTable } from '../relays/relay-table.tsx'
import { TopRelays } from '../relays/top-relays.tsx'
import { brand, isNetwork } from '../theme/brand.ts'
import { Connect } from './connect.tsx'
import { FailureNotice } from './failure-notice.tsx'
import { ForMachines } from './for-machines.tsx'
import { Section } from './section.tsx'

export function FrontPage() {
  const shown = overview.value
  return (
    <>
      <header class="opening">
        <div>
          <h1 tabIndex={-1}>{isNetwork() ? 'What Nostr is doing' : 'What this relay sees'}</h1>
          <p class="lead">
            Right now and over time, counted{' '}
            {isNetwork() ? 'over all relays that can be reached' : 'at this relay alone'}.
          </p>
          {!isNetwork() && (
            <p class="opening__more">
              Its operator can have all of Nostr counted here: <code>observatory.watch = "network"</code>
            </p>
          )}
        </div>
        <Connect />
      </header>
      {failure.value !== undefined && brand.value.watch !== 'off' && (
        <FailureNotice failure={failure.value} onRetry={tryAgain} />
      )}
      {areStale.value && shown !== undefined && failure.value === undefined && (
        <StandstillNotice at={shown.updated_at} />
      )}
      <div
        class={`figures${isChanging.value ? ' is-changing' : ''}`}
        aria-busy={isChanging.value || shown === undefined}
      >
        <h2 class="visually-hidden">Overview</h2>
        {shown === undefined ? <TilesSkeleton /> : <Tiles overview={shown} />}
        {shown === undefined ? (
          <p class="provenance">Asking for figures…</p>
        ) : (
          <Provenance at={shown.updated_at} coverage={shown.coverage} />
        )}
        <Rest shown={shown} body={full.value} />
      </div>
    </>
  )
}

function Rest({
  shown,
  body,
}: {
  readonly shown: OverviewBody | undefined
  readonly body: FullBody | undefined
}) {
  if (brand.value.watch === 'off' && body === undefined) return <NothingWatched />
  if (shown === undefined || body === undefined) return <RestSkeleton />
  if (shown.coverage.first_seen === null) return <FirstDay overview={shown} />
  return <Sections overview={shown} body={body} />
}

function NothingWatched() {
  return (
    <section class="section section--first" aria-labelledby="first-title">
      <div class="section__head">
        <h2 id="first-title">Nothing is watched here</h2>
      </div>
      <div class="section__body">
        <p class="lead">
          This relay works, and its observatory is switched off (<code>observatory.watch = "off"</code>).
        </p>
      </div>
    </section>
  )
}

/** Nobody has seen an event yet: what happens, and what to do meanwhile. */
function FirstDay({ overview: { coverage } }: { readonly overview: OverviewBody }) {
  return (
    <section class="section section--first" aria-labelledby="first-title">
      <div class="section__head">
        <h2 id="first-title">The doors have just opened</h2>
      </div>
      <div class="section__body">
        <p class="lead">
          No event has been seen yet.{' '}
          {isNetwork() &&
            `${count(coverage.relays_connected)} of ${count(coverage.relays_watched)} relays are connected; ${count(coverage.relays_candidate)} more were heard of.`}
        </p>
        <p>
          {isNetwork()
            ? 'The first figures stand here by themselves, usually within a minute. Meanwhile, connect your client to the address above.'
            : 'Connect your client to the address above: the first event that it publishes stands here at once.'}
        </p>
      </div>
    </section>
  )
}

function RestSkeleton() {
  return (
    <div aria-hidden="true">
      {['Activity', 'Kinds', 'Relays'].map((title) => (
        <div key={title} class="section">
          <div class="section__head">
            <span class="bone bone--title" />
          </div>
          <div class="section__body bone bone--body" />
        </div>
      ))}
    </div>
  )
}

function Sections({
  overview: { coverage, zaps, updated_at, ...rest },
  body,
}: {
  readonly overview: OverviewBody
  readonly body: FullBody
}) {
  const { events, clients, relays, top_relays, retention, generated_at, time_range } = body
  const when = RANGE_WORDS[time_range].long
  const live = <Provenance at={updated_at} coverage={coverage} />
  const latest = <Provenance at={generated_at} coverage={body.overview.coverage} />
  const isHourly = time_range === '24h'
  return (
    <>
      <Section
        id="activity"
        title="Activity"
        about={`Events by when they were created, over ${when}. Times are UTC; the last ${isHourly ? 'hour' : 'day'} is not over yet.`}
        aside={live}
      >
        <Activity points={activity.value ?? body.activity} isHourly={isHourly} />
      </Section>
      <Section id="kinds" title="Kinds" about="Distinct events, by what the NIPs call them." aside={latest}>
        <Kinds counts={events.distribution.by_kind} total={events.total_events} />
      </Section>
      <Section
        id="relays"
        title="Relays"
        about="Every relay that has proved itself: events it showed, how it answers, what it runs."
        aside={latest}
      >
        <RelayTable relays={relays} />
      </Section>
      <Section
        id="top"
        title="Most events"
        about={`The relays that showed the most of ${when}.`}
        aside={latest}
      >
        <TopRelays relays={top_relays} />
      </Section>
      <Section
        id="clients"
        title="Clients"
        about="What events say they were written with (NIP-89)."
        aside={latest}
      >
        <Clients clients={clients} />
      </Section>
      <Section
        id="zaps"
        title="Zaps"
        about="Amounts are read from the paid invoices. A signer is checked when it is the one that the recipient’s wallet names (NIP-57)."
        aside={live}
      >
        <Zaps zaps={zaps} />
      </Section>
      <Section
        id="people"
        title="People"
        about="Keys that published. Throwaway keys (kinds 445 and 1059) are never people."
        aside={live}
      >
        <People overview={{ coverage, zaps, updated_at, ...rest }} />
        {retention.length > 0 && (
          <>
            <h3>Who comes back</h3>
            <Retention cohorts={retention} />
          </>
        )}
      </Section>
      {Object.keys(events.languages).length > 0 && (
        <Section
          id="languages"
          title="Languages"
          about="Of notes whose language could be told."
          aside={latest}
        >
          <Languages counts={events.languages} />
        </Section>
      )}
      <Section
        id="recommendations"
        title="Relays for you"
        about="Where those whom you follow write, weighed by how well these relays do. Your key is used for this one question only."
      >
        <Recommendations />
      </Section>
      <Section id="machines" title="For machines" about="Everything on this page, as data.">
        <ForMachines range={time_range} coverage={coverage} />
      </Section>
    </>
  )
}
