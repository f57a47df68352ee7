import fc from 'fast-check'
import { addressOf, type NostrEvent } from '../../nostr/index.ts'
import { alice, bob, carol, NOW_SECONDS } from './test-event.ts'

/**
 * The small world that random events and filters are drawn from, and how one thing in it refers to another:
 * by number, since shrinking changes what there is to refer to.
 */
export const authors = [alice, bob, carol]
export const kinds = [1, 5, 10002, 30023, 0, 1059, 7, 41, 62, 20001, 39999, 65535]
export const dValues = ['', 'a', 'A', 'a:b', 'quote " and \\']
/** The last two look like spam, a little and very much. */
export const contents = [
  '',
  'a',
  'b',
  'a',
  'b',
  'a b c',
  'B á b',
  '京東京',
  'b a airdrop',
  'a airdrop https://t.me/x',
]
/** Words that contents and topics have, and some that none has. */
export const searches = [
  'a',
  'b',
  'x',
  'a b',
  'b a b',
  '東京',
  '京',
  'c x',
  'é😀',
  'none',
  '',
  '?',
  'a lang:en',
  'a include:spam',
]
export const topics = ['x', 'X', 'x y', '', 'é😀', '"', '\u0000']

/** Alice twice, so that an author often meets her own events. */
export const author = fc.constantFrom(alice, alice, bob, carol)
export const nearNow = fc.integer({ min: -2, max: 2 }).map((seconds) => NOW_SECONDS + seconds)
export const createdAt = fc.oneof(
  { weight: 12, arbitrary: nearNow },
  { weight: 1, arbitrary: fc.constantFrom(0, 2 ** 32, Number.MAX_SAFE_INTEGER) },
)
/** A number of some event of the pool, whatever its length. */
export const pick = fc.nat({ max: 1_000 })

/** A few such numbers. */
export const picks = fc.array(pick, { maxLength: 6, size: 'max' })

/** Absent more often than not: an event or filter with a bit of everything meets nothing. */
export const sometimes = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })

export function picked(pool: readonly NostrEvent[], n: number): NostrEvent | undefined {
  return pool[n % pool.length]
}

export function pickedEvents(pool: readonly NostrEvent[], numbers: readonly number[]): readonly NostrEvent[] {
  return numbers.flatMap((n) => picked(pool, n) ?? [])
}

/** Without repeats, as in a parsed filter. */
export function pickedIds(pool: readonly NostrEvent[], numbers: readonly number[]): readonly string[] {
  return [...new Set(pickedEvents(pool, numbers).map((event) => event.id))]
}

/** The event's address; for a regular event the address it would have, which names nothing. */
export function addressNaming(event: NostrEvent | undefined): string {
  if (event === undefined) return 'none'
  return addressOf(event) ?? `${event.kind}:${event.pubkey}:`
}
