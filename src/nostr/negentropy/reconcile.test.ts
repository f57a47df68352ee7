import { expect, test } from 'vitest'
import { decodeRanges } from './message.ts'
import { MessageWriter } from './message-writer.ts'
import { NegentropyClient } from './negentropy-client.ts'
import { reconcile } from './reconcile.ts'
import { difference, exchange, itemsOf, type TestItem, testItem } from './testing.ts'

const many = (count: number) => Array.from({ length: count }, (_, n) => testItem(n))
const items = itemsOf(many(100))
const answerTo = (hex: string) => reconcile(items, Buffer.from(hex, 'hex'), { maxFrameBytes: 4096 })
const fingerprint = '00'.repeat(16)

test.each(['60', '62', '6f', '62000002'])('the answer to the unknown version in %s is the byte 61', (hex) => {
  expect(answerTo(hex)).toEqual({ ok: true, value: Uint8Array.of(0x61) })
})

test.each([
  ['', 'the message is empty'],
  ['00', 'the message does not begin with a version'],
  ['5f', 'the message does not begin with a version'],
  ['70', 'the message does not begin with a version'],
  ['ff61', 'the message does not begin with a version'],
  ['6100', 'the message ends in the middle of a range'],
  ['610000', 'the message ends in the middle of a range'],
  ['61000001', 'the message ends in the middle of a range'],
  [`61000001${fingerprint.slice(2)}`, 'the message ends in the middle of a range'],
  ['61ff', 'the message ends in the middle of a range'],
  ['61000002', 'the message ends in the middle of a range'],
  [`6100000202${'00'.repeat(63)}`, '2 ids are announced, and the message ends before them'],
  ['61000002ffffffff7f', '34359738367 ids are announced, and the message ends before them'],
  [
    '6100000281ffffffffffffffff7f',
    '18446744073709551615 ids are announced, and the message ends before them',
  ],
  ['6100000282ffffffffffffffff7f', 'a varint is beyond 64 bits'],
  [`61${'ff'.repeat(100)}`, 'a varint is beyond 64 bits'],
  ['61800000', 'a varint begins with a zero digit'],
  ['61008000', 'a varint begins with a zero digit'],
  ['6100008000', 'a varint begins with a zero digit'],
  ['61000003', 'mode 3 is not known'],
  [`610121${'00'.repeat(33)}00`, 'a bound holds 33 bytes of an id, which has 32'],
  ['6100010000', 'infinity has no id'],
  ['6102010500' + '01010400', 'a range ends before it begins'],
  ['61000000' + '020000', 'a time is beyond 2^64-2 seconds'],
])('%s is refused: %s', (hex, refusal) => {
  expect(answerTo(hex)).toEqual({ ok: false, refusal })
})

test('the time 2^64-1 is refused, and the one before it is a time like any other', () => {
  // Times are written plus one, so 2^64-1 would be the varint of 2^64, and also the sum of two halves.
  const last = '81ffffffffffffffff7f'
  expect(answerTo(`61${last}0000`)).toEqual({ ok: true, value: Uint8Array.of(0x61) })
  expect(answerTo(`61${last}0000${'02'}0000`)).toEqual({
    ok: false,
    refusal: 'a time is beyond 2^64-2 seconds',
  })
})

test('a time that no number can hold exactly comes back as it was', () => {
  const bound = '81ffffffffffffffff7e' + '02abcd'
  expect(answerTo(`61${bound}01${fingerprint}`)).toMatchObject({ ok: true })
  const empty = reconcile(itemsOf([]), Buffer.from(`61${bound}01${fingerprint}`, 'hex'), {
    maxFrameBytes: 4096,
  })
  expect(empty).toEqual({ ok: true, value: new Uint8Array(Buffer.from(`61${bound}0200`, 'hex')) })
})

test('prefixes that differ in zeros at their end are the same place', () => {
  expect(answerTo('6102020500' + '00' + '01010500')).toMatchObject({ ok: true })
})

test('a client that names exactly our ids is told nothing', () => {
  const three = [testItem(0), testItem(1), testItem(2)]
  const client = new NegentropyClient(itemsOf(three), { maxFrameBytes: 4096 })
  expect(reconcile(itemsOf(three), client.initiate(), { maxFrameBytes: 4096 })).toEqual({
    ok: true,
    value: Uint8Array.of(0x61),
  })
})

test('10,000 items of which 1 % differ on both sides are settled in four rounds', () => {
  const all = many(10_000)
  const client = all.filter((_, n) => n % 200 !== 0)
  const relay = all.filter((_, n) => n % 200 !== 77)
  const found = exchange(client, relay, 1_000_000)
  expect(found).toMatchObject(difference(client, relay))
  expect(found.have).toHaveLength(50)
  expect(found.rounds).toBeLessThanOrEqual(4)
})

test.each([
  ['the client has nothing', [], many(10_000)],
  ['the relay has nothing', many(10_000), []],
  ['they share nothing', many(10_000).slice(0, 5_000), many(10_000).slice(5_000)],
  ['every second item differs', many(4_000).filter((_, n) => n % 2 === 0), many(4_000)],
  ['they are equal', many(5_000), many(5_000)],
  ['neither has anything', [], []],
] satisfies [string, TestItem[], TestItem[]][])('with 4,096 bytes a message: %s', (_, client, relay) => {
  const found = exchange(client, relay, 4096)
  expect(found).toMatchObject(difference(client, relay))
  expect(found.longestAnswerBytes).toBeLessThanOrEqual(4096)
  expect(found.longestQuestionBytes).toBeLessThanOrEqual(4096)
})

test('a smaller limit than 4,096 bytes counts as that, so that there is always progress', () => {
  const found = exchange([], many(1_000), 1)
  expect(found).toMatchObject(difference([], many(1_000)))
  expect(found.longestAnswerBytes).toBeLessThanOrEqual(4096)
})

test('an answer without room for everything ends where the question did, so what was settled stays so', () => {
  const end = { timestamp: BigInt(testItem(600).created_at), idPrefix: new Uint8Array(0) }
  const question = new MessageWriter()
  question.writeIds(end, new Uint8Array(0))
  const answer = reconcile(itemsOf(many(1_000)), question.finish(), { maxFrameBytes: 4096 })
  if (!answer.ok) expect.fail(answer.refusal)
  const ranges = decodeRanges(answer.value.subarray(1))
  expect(ranges).toMatchObject({ value: [{ mode: 'ids' }, { mode: 'fingerprint', end }] })
})

test('100 items of the same second are told apart by their ids', () => {
  const all = Array.from({ length: 100 }, (_, n) => testItem(n, 1_700_000_000))
  const client = all.filter((_, n) => n !== 31)
  const relay = all.filter((_, n) => n !== 64)
  expect(exchange(client, relay)).toMatchObject(difference(client, relay))
})

test('the same id at another time on the other side is found, and leaves nothing behind', () => {
  const relay = many(50)
  const client = [...relay.slice(1), testItem(0, 1_800_000_000)]
  const found = exchange(client, relay)
  // Ids alone are compared, so the one that lies elsewhere is missing at both places.
  expect(found).toMatchObject({ have: [testItem(0).id], need: [testItem(0).id] })
})

test('a relay that invents ids is left when there are too many of them', () => {
  const client = new NegentropyClient(itemsOf([]), { maxFrameBytes: 4096, maxDifferences: 2 })
  const list = (count: string, ids: string) => Buffer.from(`61000002${count}${ids}`, 'hex')
  expect(client.reconcile(list('02', '01'.repeat(32) + '02'.repeat(32)))).toMatchObject({ ok: true })
  expect(client.reconcile(list('01', '02'.repeat(32)))).toMatchObject({ ok: true, value: { need: [] } })
  expect(client.reconcile(list('01', '03'.repeat(32)))).toEqual({
    ok: false,
    refusal: 'there are more than 2 differences',
  })
})

test.each(['', '62', '00', '6100'])('a client refuses the answer "%s"', (hex) => {
  const client = new NegentropyClient(items, { maxFrameBytes: 4096 })
  expect(client.reconcile(Buffer.from(hex, 'hex'))).toMatchObject({ ok: false })
})
