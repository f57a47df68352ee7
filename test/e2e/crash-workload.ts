/** Events for the crash test: a seeded stream in which authors often meet their own earlier events. */
import type { Random } from '../../bench/dataset/random.ts'
import type { WireEvent } from '../conformance/kit/event.ts'
import { type Author, authorNamed, eventBy } from './authors.ts'

const AUTHORS = 6
/** `created_at` lies within so many seconds: equal times and versions that come too late are common. */
const SPAN_SECONDS = 20
/** A deletion looks back on so many events of its author. */
const RECENT_EVENTS = 30
const REPLACEABLE_KINDS = [0, 3, 10_002]
const ADDRESSABLE_KIND = 30_023
const MAX_CONTENT_CHARACTERS = 4_000

/** Makes the next event; which one, the random numbers alone decide. */
export type Workload = () => WireEvent

export function createWorkload(random: Random, seed: string): Workload {
  const authors = Array.from({ length: AUTHORS }, (_, n) => authorNamed(`${seed}/${n}`))
  const recent = new Map<Author, WireEvent[]>(authors.map((author) => [author, []]))
  // Fixed as the keys are: with the time of the run in it, a seed would not repeat the same events.
  const startSeconds = 1_700_000_000
  let made = 0
  return () => {
    const author = random.pick(authors)
    const own = recent.get(author)!
    const draft = chooseDraft(random, author, own)
    const event = eventBy(author, {
      ...draft,
      created_at: startSeconds + random.below(SPAN_SECONDS),
      content: `${++made} ${'x'.repeat(random.below(MAX_CONTENT_CHARACTERS))}`,
    })
    own.push(event)
    if (own.length > RECENT_EVENTS) own.shift()
    return event
  }
}

function chooseDraft(random: Random, { pubkey }: Author, own: readonly WireEvent[]) {
  const roll = random.next()
  if (roll < 0.5 || own.length === 0) return { kind: 1, tags: [['t', String(random.below(5))]] }
  if (roll < 0.65) return { kind: random.pick(REPLACEABLE_KINDS), tags: [] }
  if (roll < 0.85) return { kind: ADDRESSABLE_KIND, tags: [['d', String(random.below(4))]] }
  if (roll < 0.97) return { kind: 5, tags: [['e', random.pick(own).id]] }
  return { kind: 5, tags: [['a', `${ADDRESSABLE_KIND}:${pubkey}:${random.below(4)}`]] }
}
