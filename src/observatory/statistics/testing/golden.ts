/** A small week of Nostr, written by hand; its answers are worked out by hand in `statistics-engine.test.ts`. */
import type { Observation } from '../../observation.ts'
import { type ObservationTraits, observation } from './observation.ts'

const at = (year: number, month: number, day: number, hour: number, minute = 0): number =>
  Date.UTC(year, month - 1, day, hour, minute) / 1000

const seenBy = (relays: readonly number[], traits: ObservationTraits): Observation[] =>
  relays.map((relay) => observation({ relay, ...traits }))

/** Alice is author 1, Bob 2, Carol 3, Dave 4. Asked on Saturday, 21 November 2026, at 16:40 UTC. */
export const GOLDEN: readonly Observation[] = [
  // Now: a note of Alice at three relays, one of which shows it twice, and an article of Bob.
  ...seenBy([1, 2, 3, 1], {
    event: 1,
    author: 1,
    createdAt: at(2026, 11, 21, 16, 30),
    client: 'Damus',
    language: 1,
  }),
  ...seenBy([1], { event: 2, author: 2, kind: 30023, createdAt: at(2026, 11, 21, 16, 10), client: 'Habla' }),
  // The first minute of the 24 hours: 20 November, 17:00; and the minute before, which is in the 7 days.
  ...seenBy([2], { event: 3, author: 1, createdAt: at(2026, 11, 20, 17, 0), language: 2 }),
  ...seenBy([2], { event: 4, author: 3, createdAt: at(2026, 11, 20, 16, 59), language: 1 }),
  // A zap of 21 sats by Bob's wallet (author 9), signer checked; a receipt that does not hold.
  ...seenBy([1, 2], {
    event: 5,
    author: 9,
    kind: 9735,
    createdAt: at(2026, 11, 21, 12),
    zapMsat: 21_000n,
    isZapSignerChecked: true,
  }),
  ...seenBy([1], { event: 6, author: 9, kind: 9735, createdAt: at(2026, 11, 21, 12), zapMsat: 0n }),
  // A gift wrap: an event, but its author is nobody.
  ...seenBy([3], { event: 8, author: 88, kind: 1059, createdAt: at(2026, 11, 21, 9) }),
  // The first second of 15 November begins the 7 days; the last one of the 14th is in the 30 days.
  ...seenBy([1], { event: 9, author: 4, kind: 7, createdAt: at(2026, 11, 15, 0) }),
  ...seenBy([1], { event: 10, author: 4, kind: 7, createdAt: at(2026, 11, 15, 0) - 1, client: 'Damus' }),
  // 23 October begins the 30 days, 24 August the 90.
  ...seenBy([2], { event: 12, author: 3, createdAt: at(2026, 10, 23, 0) }),
  ...seenBy([2], { event: 13, author: 3, createdAt: at(2026, 10, 23, 0) - 1 }),
  ...seenBy([3], { event: 15, author: 2, createdAt: at(2026, 8, 24, 0) }),
  // Older than all ranges but the last, and received today.
  ...seenBy([3], { event: 16, author: 1, createdAt: at(2023, 1, 2, 3), seenAt: at(2026, 11, 21, 16) }),
  // In no figure: a note of 1970, and one of next year.
  ...seenBy([3], { event: 17, author: 5, createdAt: 1_000, seenAt: at(2026, 11, 21, 16) }),
  ...seenBy([1, 3], { event: 18, author: 5, createdAt: at(2027, 1, 1, 0), seenAt: at(2026, 11, 21, 16) }),
]
