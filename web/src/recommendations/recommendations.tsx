/** Which relays a person should read, by where those whom they follow write. The key stays in this page and in one question. */
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { RecommendationsBody } from '../api/bodies.ts'
import { askAgainMs, type Failure } from '../api/failure.ts'
import { get } from '../api/get.ts'
import { FailureNotice } from '../app/failure-notice.tsx'
import { count, milliseconds, percent, shareOf } from '../figures/format.ts'
import { Age } from '../figures/provenance.tsx'
import { Health } from '../relays/health.tsx'
import { RelayLink } from '../relays/relay-columns.tsx'
import { type PublicKeyRefusal, readPublicKey } from './public-key.ts'

const REFUSALS: Readonly<Record<PublicKeyRefusal, string>> = {
  empty: 'Paste a public key: npub1… or 64 hex digits.',
  secret: 'This is a secret key. It was not sent anywhere; clear it, and paste the public one (npub1…).',
  mistyped: 'This npub has a letter wrong or missing. Copy it again.',
  'not-a-key': 'This is not a public key. It begins with npub1, or is 64 hex digits.',
}

export function Recommendations() {
  const text = useSignal('')
  const problem = useSignal('')
  const failure = useSignal<Failure | undefined>(undefined)
  const isAsking = useSignal(false)
  const found = useSignal<RecommendationsBody | undefined>(undefined)

  const again = useRef<ReturnType<typeof setTimeout>>(undefined)
  const isHere = useRef(true)
  useEffect(
    () => () => {
      isHere.current = false
      clearTimeout(again.current)
    },
    [],
  )

  const submit = () => {
    const reading = readPublicKey(text.value)
    problem.value = reading.ok ? '' : REFUSALS[reading.refusal]
    if (reading.ok && !isAsking.value) void ask(reading.pubkey)
  }
  const ask = async (pubkey: string) => {
    clearTimeout(again.current)
    isAsking.value = true
    const answer = await get<RecommendationsBody>(`/stats/recommendations?pubkey=${pubkey}`)
    isAsking.value = false
    failure.value = answer.ok ? undefined : answer.failure
    found.value = answer.ok ? answer.value : undefined
    const waitMs = answer.ok ? undefined : askAgainMs(answer.failure, Date.now())
    if (waitMs !== undefined && isHere.current) again.current = setTimeout(() => void ask(pubkey), waitMs)
  }

  return (
    <>
      <form
        class="ask"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <label class="field field--wide">
          <span>Public key</span>
          <input
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
            placeholder="npub1…"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            aria-describedby="recommendations-problem"
            aria-invalid={problem.value !== ''}
          />
        </label>
        <button type="submit" class="primary" aria-busy={isAsking.value}>
          {isAsking.value ? 'Looking…' : 'Recommend'}
        </button>
      </form>
      <p id="recommendations-problem" class="problem" role="status">
        {problem.value}
      </p>
      {failure.value !== undefined && <FailureNotice failure={failure.value} onRetry={submit} />}
      {found.value !== undefined && <Found found={found.value} />}
    </>
  )
}

function Found({
  found: { follows, follows_with_lists, covered, relays, updated_at },
}: {
  readonly found: RecommendationsBody
}) {
  if (relays.length === 0) {
    return (
      <p class="empty" role="status">
        {follows === 0
          ? 'No follow list of this key has been seen, so there is nothing to go by.'
          : `None of the ${count(follows)} followed people has a relay list that was seen.`}
      </p>
    )
  }
  return (
    <div class="found">
      <p class="caveat" role="status">
        These relays together reach <b>{count(covered)}</b> of the {count(follows_with_lists)} followed people
        whose relay lists are known ({percent(shareOf(covered, follows_with_lists))}); {count(follows)} are
        followed in all.
      </p>
      <p class="provenance">
        <span>
          health and latency <Age at={updated_at} />
        </span>
        <span>over the last 7 days</span>
      </p>
      <ol class="advice">
        {relays.map(({ url, score, reaches, adds, health_score, latency, why }) => (
          <li key={url}>
            <div class="advice__head">
              <RelayLink url={url} />
              <span class="advice__score">
                {Math.round(score)} <span class="unit">of 100</span>
              </span>
            </div>
            <p class="advice__why">{why}</p>
            <p class="provenance">
              <span>reaches {count(reaches)}</span>
              <span>{count(adds)} by none above it</span>
              <span>
                health <Health score={health_score} />
              </span>
              {latency !== null && <span>{milliseconds(latency)}</span>}
            </p>
          </li>
        ))}
      </ol>
    </div>
  )
}
