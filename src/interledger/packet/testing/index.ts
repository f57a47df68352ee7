/** Packets and bytes for tests: any that there may be, from a seed. */
import fc from 'fast-check'
import type { Outcome } from '../../../kernel/index.ts'
import {
  type IlpFulfill,
  type IlpPrepare,
  type IlpReject,
  MAX_AMOUNT,
  MAX_DATA_BYTES,
} from '../ilp-packet.ts'

const SCHEMES = ['g', 'private', 'example', 'peer', 'self', 'local', 'test', 'test1', 'test2', 'test3']
const SEGMENT_CHARACTERS = [...'ABYZabyz0189_~-']
/** Lengths around which the length before a text or data grows by a byte. */
const EDGES = [0, 1, 126, 127, 128, 129, 254, 255, 256, 257]
/** Objects as we make them ourselves. */
const PLAIN = { noNullPrototype: true }
const FIRST_MS = Date.UTC(2000, 0, 1)
const LAST_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999)

const anySegment = fc
  .array(fc.constantFrom(...SEGMENT_CHARACTERS), { minLength: 1, maxLength: 40 })
  .map((characters) => characters.join(''))

export const anyAddress: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...SCHEMES), fc.array(anySegment, { minLength: 1, maxLength: 24 }))
  .map(([scheme, segments]) => [scheme, ...segments].join('.'))

/** The largest are rare, since they take long. */
const anyLength = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 0, max: 400 }) },
  { weight: 10, arbitrary: fc.constantFrom(...EDGES) },
  { weight: 1, arbitrary: fc.constantFrom(MAX_DATA_BYTES - 1, MAX_DATA_BYTES) },
)

export const anyData: fc.Arbitrary<Buffer> = fc.tuple(anyLength, fc.nat(255)).map(([length, first]) => {
  const data = Buffer.allocUnsafe(length)
  for (let index = 0; index < length; index++) data[index] = first + index * 7
  return data
})

export const anyHash: fc.Arbitrary<Buffer> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes))

const anyAmount = fc.oneof(
  fc.bigInt({ min: 0n, max: MAX_AMOUNT }),
  fc.constantFrom(0n, 1n, 0xffff_ffffn, 1n << 32n, (1n << 53n) + 1n, 1n << 63n, MAX_AMOUNT),
)

/** Times of all lengths of fractions, and first and last moments of what can be written. */
const anyTime = fc.oneof(
  fc.integer({ min: FIRST_MS, max: LAST_MS }),
  fc.constantFrom(FIRST_MS, LAST_MS, Date.UTC(2028, 1, 29), Date.UTC(2026, 11, 31, 23, 59, 59, 5)),
)

export const anyPrepare: fc.Arbitrary<IlpPrepare> = fc.record(
  {
    type: fc.constant('prepare'),
    amount: anyAmount,
    expiresAtMs: anyTime,
    executionCondition: anyHash,
    destination: anyAddress,
    data: anyData,
  },
  PLAIN,
)

export const anyFulfill: fc.Arbitrary<IlpFulfill> = fc.record(
  {
    type: fc.constant('fulfill'),
    fulfillment: anyHash,
    data: anyData,
  },
  PLAIN,
)

export const anyReject: fc.Arbitrary<IlpReject> = fc.record(
  {
    type: fc.constant('reject'),
    code: fc.constantFrom('F00', 'F08', 'F99', 'T04', 'R02', 'T73', 'X1!'),
    triggeredBy: fc.oneof(anyAddress, fc.constant('')),
    message: fc.string({ unit: 'grapheme', maxLength: 200 }),
    data: anyData,
  },
  PLAIN,
)

/** Numbers from 0 to just below 1, the same for the same seed (mulberry32); fast, for millions of bytes. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What somebody might send instead of `original`: noise, or it with bytes changed, cut off, doubled or added. */
export function damaged(original: Buffer, random: () => number): Buffer {
  const choice = Math.floor(random() * 5)
  const at = Math.floor(random() * original.length)
  if (choice === 0) return noise(Math.floor(random() * 80), random)
  if (choice === 1) return original.subarray(0, at)
  if (choice === 2) return Buffer.concat([original, noise(Math.floor(random() * 8), random)])
  if (choice === 3) return Buffer.concat([original.subarray(0, at), original.subarray(Math.floor(at / 2))])
  const changed = Buffer.from(original)
  const changes = 1 + Math.floor(random() * 3)
  for (let change = 0; change < changes; change++) {
    // Headers and lengths decide most, and they are in front.
    const place = Math.floor(random() ** 2 * changed.length)
    changed[place] = Math.floor(random() * 256)
  }
  return changed
}

function noise(length: number, random: () => number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let index = 0; index < length; index++) bytes[index] = Math.floor(random() * 256)
  return bytes
}

export interface Fuzzing<T> {
  readonly seed: number
  readonly inputs: number
  /** Encoded; what is fed is made from them. */
  readonly originals: readonly Buffer[]
  readonly decode: (bytes: Buffer) => Outcome<T, unknown>
  readonly encode: (value: T) => Buffer
}

/**
 * Feeds damaged bytes: each input is decoded or refused with a text, and what is decoded can be encoded again.
 *
 * @returns how many were decoded.
 * @throws Error with the first input of which that is not so.
 */
export function fuzz<T>({ seed, inputs, originals, decode, encode }: Fuzzing<T>): number {
  const random = seededRandom(seed)
  let decoded = 0
  for (let index = 0; index < inputs; index++) {
    const input = damaged(originals[index % originals.length]!, random)
    const first = decode(input)
    if (!first.ok && typeof first.refusal !== 'string')
      throw new Error(`no text for ${input.toString('hex')}`)
    if (!first.ok) continue
    decoded++
    const again = decode(encode(first.value))
    if (!again.ok) throw new Error(`${input.toString('hex')} (seed ${seed}): ${String(again.refusal)}`)
  }
  return decoded
}
