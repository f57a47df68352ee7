import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader } from './byte-reader.ts'
import { negentropySetOf } from './items.ts'
import { encodeVarint } from './message-writer.ts'
import { NegentropyClient } from './negentropy-client.ts'
import { reconcile } from './reconcile.ts'
import { difference, exchange, itemsOf, type TestItem, testItem } from './testing.ts'

/** Ids from few bytes, so that long common prefixes, carries and neighbours happen. */
const closeId = fc
  .tuple(fc.constantFrom('00', 'ff', '80'), fc.integer({ min: 0, max: 255 }))
  .map(([fill, last]) => fill.repeat(31) + last.toString(16).padStart(2, '0'))
const randomId = fc.nat().map((n) => hash('sha256', String(n)))
const anyItem: fc.Arbitrary<TestItem> = fc.record({
  id: fc.oneof(closeId, randomId),
  created_at: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.maxSafeNat(), fc.constant(1_700_000_000)),
})

/** Two sets with a good part in common, in which an id has one time only. */
const twoSets = fc
  .uniqueArray(fc.tuple(anyItem, fc.constantFrom('client', 'relay', 'both', 'both', 'both')), {
    selector: ([item]) => item.id,
    maxLength: 400,
    size: 'max',
  })
  .map((owned) => ({
    client: owned.filter(([, owner]) => owner !== 'relay').map(([item]) => item),
    relay: owned.filter(([, owner]) => owner !== 'client').map(([item]) => item),
  }))

test('an exchange finds exactly the symmetric difference, whatever the two sets are', () => {
  fc.assert(
    fc.property(twoSets, ({ client, relay }) => {
      expect(exchange(client, relay)).toMatchObject(difference(client, relay))
    }),
  )
})

test('the same with any frame limit, on thousands of items', () => {
  const shape = fc.record({
    count: fc.integer({ min: 1, max: 3_000 }),
    perSecond: fc.constantFrom(1, 3, 100_000),
    clientLacksEvery: fc.integer({ min: 1, max: 500 }),
    relayLacksEvery: fc.integer({ min: 1, max: 500 }),
    maxFrameBytes: fc.integer({ min: 4096, max: 10_000 }),
  })
  fc.assert(
    fc.property(shape, ({ count, perSecond, clientLacksEvery, relayLacksEvery, maxFrameBytes }) => {
      const all = Array.from({ length: count }, (_, n) => testItem(n, Math.floor(n / perSecond)))
      const client = all.filter((_, n) => n % clientLacksEvery !== 0)
      const relay = all.filter((_, n) => n % relayLacksEvery !== 1)
      const found = exchange(client, relay, maxFrameBytes)
      expect(found).toMatchObject(difference(client, relay))
      expect(found.longestAnswerBytes).toBeLessThanOrEqual(maxFrameBytes)
      expect(found.longestQuestionBytes).toBeLessThanOrEqual(maxFrameBytes)
    }),
    { numRuns: 40 },
  )
})

test('a fingerprint is that of the sum by arithmetic, for any part of any set', () => {
  const idsOnly = fc.uniqueArray(fc.oneof(closeId, randomId), { maxLength: 400, size: 'max' })
  fc.assert(
    fc.property(idsOnly, fc.nat(400), fc.nat(400), (ids, one, other) => {
      const { length } = ids
      const [start, end] = [Math.min(one, other, length), Math.min(Math.max(one, other), length)]
      const sorted = ids.map((id) => ({ id, created_at: 1 })).sort((a, b) => (a.id < b.id ? -1 : 1))
      const sum = sorted.slice(start, end).reduce((total, { id }) => total + littleEndian(id), 0n)
      expect(Buffer.from(itemsOf(sorted).fingerprint(start, end)).toString('hex')).toBe(
        plainFingerprint(sum, end - start),
      )
    }),
  )
})

test('a varint that is written is read as it was', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (value) => {
      const reader = new ByteReader(encodeVarint(value))
      expect([reader.readVarint(), reader.left, reader.fault]).toEqual([value, 0, undefined])
    }),
  )
})

test('a set is in order of time, then of id, without repeats', () => {
  fc.assert(
    fc.property(fc.array(anyItem), (items) => {
      const { createdAt, ids } = negentropySetOf([...items, ...items])
      const keys = Array.from(createdAt, (time, n) => {
        const id = Buffer.from(ids.subarray(n * 32, n * 32 + 32)).toString('hex')
        return `${String(time).padStart(16, '0')} ${id}`
      })
      expect(keys).toEqual([...new Set(keys)].sort())
      expect(ids.length).toBe(32 * new Set(items.map(({ id }) => id)).size)
    }),
  )
})

test('no bytes make either side throw, and an answer keeps to its limit', () => {
  const items = itemsOf(Array.from({ length: 500 }, (_, n) => testItem(n)))
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc
      .constantFrom(
        '00',
        '0000',
        '000000',
        '000001',
        '000002',
        '01',
        '0100',
        '010001',
        '02',
        '8001',
        '86aacfe202',
      )
      .map((hex) => new Uint8Array(Buffer.from(hex, 'hex'))),
  )
  const bytes = fc.array(piece).map((pieces) => Buffer.concat([Buffer.of(0x61), ...pieces]))
  fc.assert(
    fc.property(fc.oneof(bytes, fc.uint8Array()), (message) => {
      const answer = reconcile(items, message, { maxFrameBytes: 4096 })
      if (answer.ok) expect(answer.value.length).toBeLessThanOrEqual(4096)
      new NegentropyClient(items, { maxFrameBytes: 4096 }).reconcile(message)
    }),
    { numRuns: 5_000 },
  )
})

test('a message with one byte altered is answered or refused, and ends in a message that can be read', () => {
  const items = itemsOf(Array.from({ length: 500 }, (_, n) => testItem(n)))
  const other = itemsOf(Array.from({ length: 500 }, (_, n) => testItem(n + 5)))
  const question = new NegentropyClient(other, { maxFrameBytes: 4096 }).initiate()
  fc.assert(
    fc.property(fc.nat(question.length - 1), fc.integer({ min: 1, max: 255 }), (place, change) => {
      const altered = Uint8Array.from(question)
      altered[place]! ^= change
      const answer = reconcile(items, altered, { maxFrameBytes: 4096 })
      if (!answer.ok) return
      expect(new NegentropyClient(other, { maxFrameBytes: 4096 }).reconcile(answer.value)).toMatchObject({
        ok: true,
      })
    }),
    { numRuns: 1_000 },
  )
})

function littleEndian(id: string): bigint {
  return BigInt(`0x${Buffer.from(id, 'hex').reverse().toString('hex')}`)
}

/** Reference: as NIP-77 says it. */
function plainFingerprint(sum: bigint, count: number): string {
  const bytes = Buffer.from((sum % 2n ** 256n).toString(16).padStart(64, '0'), 'hex').reverse()
  return hash('sha256', Buffer.concat([bytes, encodeVarint(BigInt(count))])).slice(0, 32)
}
