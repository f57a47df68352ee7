import type { Observation } from '../../observation.ts'
import { SECONDS_PER_DAY, SECONDS_PER_HOUR } from '../../ranges.ts'
import { fingerprintOf, NOW_SECONDS } from './observation.ts'

/** Kinds that count in different ways: notes, zaps, articles, throwaway keys, and any other. */
const KINDS = [0, 1, 1, 1, 3, 7, 7, 445, 1059, 9735, 9735, 30023, 65_535]
const CLIENTS = [undefined, undefined, 'Damus', 'Amethyst', 'a name with 🏛 and \' and "']

export interface StreamShape {
  readonly seed: number
  readonly observations: number
  readonly relays?: number
  readonly events?: number
  readonly authors?: number
  readonly nowSeconds?: number
}

/**
 * Observations as a hostile network makes them, the same for the same seed: few relays, authors and events, so that all
 * meet; dates from years ago to years ahead, many of them at the edges of hours, days, weeks and ranges; receipt at once,
 * years later, or by a clock that is wrong; repeats; in no order.
 */
export function randomStream(shape: StreamShape): Observation[] {
  const random = randomNumbers(shape.seed)
  const below = (bound: number): number => Math.floor(random() * bound)
  const nowSeconds = shape.nowSeconds ?? NOW_SECONDS
  const events = shape.events ?? Math.max(1, Math.floor(shape.observations / 3))
  const authors = shape.authors ?? 12
  const drafts = Array.from({ length: events }, (_, event) => {
    const kind = KINDS[below(KINDS.length)]!
    const isPaid = kind === 9735 && below(4) > 0
    return {
      event: fingerprintOf(event),
      author: fingerprintOf(below(authors)),
      kind,
      createdAt: randomDate(below, nowSeconds),
      client: CLIENTS[below(CLIENTS.length)],
      zapMsat: isPaid ? BigInt(below(2 ** 40)) * 1_000_000n + 1n : 0n,
      isZapSignerChecked: isPaid && below(2) === 0,
      language: kind === 1 ? below(5) : 0,
    }
  })
  return Array.from({ length: shape.observations }, () => {
    const draft = drafts[below(drafts.length)]!
    return {
      ...draft,
      relay: 1 + below(shape.relays ?? 4),
      seenAt: randomReceipt(below, { createdAt: draft.createdAt, nowSeconds }),
    }
  })
}

/** Mulberry32: numbers from 0 to 1, the same for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

type Below = (bound: number) => number

function randomDate(below: Below, nowSeconds: number): number {
  const startOfDay = nowSeconds - (nowSeconds % SECONDS_PER_DAY)
  const edge = below(3) - 1
  const dates = [
    () => nowSeconds - below(SECONDS_PER_HOUR),
    () => nowSeconds - below(26 * SECONDS_PER_HOUR),
    () => nowSeconds - below(8 * SECONDS_PER_DAY),
    () => nowSeconds - below(100 * SECONDS_PER_DAY),
    // At the edges of hours, days and the ranges.
    () => nowSeconds - (nowSeconds % SECONDS_PER_HOUR) - below(26) * SECONDS_PER_HOUR + edge,
    () => startOfDay - below(100) * SECONDS_PER_DAY + edge,
    () => startOfDay - [6, 29, 89][below(3)]! * SECONDS_PER_DAY + edge,
    // Late by years, and before Nostr.
    () => nowSeconds - below(6 * 365) * SECONDS_PER_DAY,
    () => below(1_604_707_300),
    // A little ahead, and too far ahead.
    () => nowSeconds + below(1_200),
    () => nowSeconds + 900 + edge,
    () => nowSeconds + below(2 ** 31),
  ]
  return Math.min(0xffff_ffff, Math.max(0, dates[below(dates.length)]!()))
}

function randomReceipt(
  below: Below,
  { createdAt, nowSeconds }: { createdAt: number; nowSeconds: number },
): number {
  const isPast = createdAt <= nowSeconds
  const receipts = [
    () => nowSeconds,
    () => nowSeconds - below(SECONDS_PER_DAY),
    // A clock that is a few hours ahead.
    () => nowSeconds + below(4 * SECONDS_PER_HOUR),
    () => (isPast ? createdAt + below(nowSeconds - createdAt + 1) : nowSeconds),
  ]
  return receipts[below(receipts.length)]!()
}
