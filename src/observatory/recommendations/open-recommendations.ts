import { accepted, type Clock, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import { compareNewestFirst, type Filter, isHex64, KINDS, type NostrEvent } from '../../nostr/index.ts'
import type { RecommendationsBody } from '../api/bodies.ts'
import type { Range } from '../ranges.ts'
import type { StatisticsSource } from '../snapshot.ts'
import { type FollowedList, recommendRelays } from './recommend-relays.ts'
import { followsOf, writeRelaysOf } from './relay-lists.ts'

/** Authors that one question to the store names. */
const AUTHORS_PER_PAGE = 500
/** Answers that are kept, and for how long. */
const KEPT_ANSWERS = 1_000
const KEPT_MS = 5 * 60_000
/** Keys that are worked out at once; one more is refused. */
const MAX_AT_ONCE = 8
/** How relays did is read over this range: long enough for a relay to have been down, short enough to have got well. */
const RANGE: Range = '7d'

export interface RecommendationsDeps {
  /** Asks the own store; the filter names at most 500 authors. */
  readonly find: (filter: Filter) => Promise<readonly NostrEvent[]>
  readonly source: Pick<StatisticsSource, 'snapshot'>
  readonly clock: Clock
}

export interface Recommendations {
  /**
   * Relays to read for a key (64 characters of hex). Refuses with `NOT_A_KEY`, `NO_FOLLOWS` (no contact list of it is stored),
   * `NO_FIGURES` (nothing is measured yet) or `BUSY`. An answer is kept for five minutes.
   */
  recommend(pubkey: string): Promise<Outcome<RecommendationsBody, Refusal>>
}

export function openRecommendations(deps: RecommendationsDeps): Recommendations {
  const kept = new KeptAnswers(deps.clock)
  const running = new Map<string, Promise<Outcome<RecommendationsBody, Refusal>>>()
  return {
    recommend: async (pubkey) => {
      if (!isHex64(pubkey))
        return refused({ code: 'NOT_A_KEY', text: 'A public key is 64 characters of lower-case hex.' })
      const known = kept.get(pubkey)
      if (known !== undefined) return accepted(known)
      const begun = running.get(pubkey)
      if (begun !== undefined) return begun
      if (running.size >= MAX_AT_ONCE) {
        const text = `Recommendations for ${MAX_AT_ONCE} other keys are being worked out; ask again in a moment.`
        return refused({ code: 'BUSY', text })
      }
      const working = workOut(deps, pubkey).finally(() => running.delete(pubkey))
      running.set(pubkey, working)
      const outcome = await working
      if (outcome.ok) kept.set(pubkey, outcome.value)
      return outcome
    },
  }
}

async function workOut(
  { find, source, clock }: RecommendationsDeps,
  pubkey: string,
): Promise<Outcome<RecommendationsBody, Refusal>> {
  const contacts = newestOf(
    await find({ kinds: [KINDS.FOLLOWS], authors: [pubkey], limit: 1 }),
    KINDS.FOLLOWS,
  )
  const list = contacts.get(pubkey)
  const follows = list === undefined ? [] : followsOf(list)
  if (follows.length === 0) {
    const text =
      'No contact list (kind 3) of this key that follows anybody is stored here; publish it to this relay first.'
    return refused({ code: 'NO_FOLLOWS', text })
  }
  const sourced = await source.snapshot(RANGE)
  if (sourced === undefined) {
    return refused({
      code: 'NO_FIGURES',
      text: 'The observatory has no figures yet; ask again in some minutes.',
    })
  }
  const lists = await listsOf(find, follows)
  const { relays: figures, atSeconds } = sourced.snapshot
  return accepted({
    ...recommendRelays({ pubkey, lists, figures, now: clock.nowSeconds() }),
    updated_at: new Date(atSeconds * 1_000).toISOString(),
  })
}

async function listsOf(
  find: RecommendationsDeps['find'],
  follows: readonly string[],
): Promise<readonly FollowedList[]> {
  const lists: FollowedList[] = []
  for (let start = 0; start < follows.length; start += AUTHORS_PER_PAGE) {
    const authors = follows.slice(start, start + AUTHORS_PER_PAGE)
    const events = await find({ kinds: [KINDS.RELAY_LIST], authors, limit: authors.length })
    const newest = newestOf(events, KINDS.RELAY_LIST)
    for (const author of authors) {
      const list = newest.get(author)
      lists.push({ pubkey: author, writeRelays: list === undefined ? [] : writeRelaysOf(list) })
    }
  }
  return lists
}

/** The newest event of each author. */
function newestOf(events: readonly NostrEvent[], kind: number): ReadonlyMap<string, NostrEvent> {
  const oldestFirst = events
    .filter((event) => event.kind === kind)
    .toSorted((a, b) => compareNewestFirst(b, a))
  return new Map(oldestFirst.map((event) => [event.pubkey, event]))
}

/** Forgets what is old, and when it is full what was kept first. */
class KeptAnswers {
  readonly #clock: Clock
  readonly #answers = new Map<string, { readonly body: RecommendationsBody; readonly untilMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get(pubkey: string): RecommendationsBody | undefined {
    const answer = this.#answers.get(pubkey)
    return answer !== undefined && answer.untilMs > this.#clock.nowMs() ? answer.body : undefined
  }

  set(pubkey: string, body: RecommendationsBody): void {
    this.#answers.delete(pubkey)
    this.#answers.set(pubkey, { body, untilMs: this.#clock.nowMs() + KEPT_MS })
    if (this.#answers.size <= KEPT_ANSWERS) return
    const [first] = this.#answers.keys()
    this.#answers.delete(first!)
  }
}
