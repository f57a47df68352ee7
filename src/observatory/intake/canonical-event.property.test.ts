import fc from 'fast-check'
import { expect, test } from 'vitest'
import { computeEventId, type NostrEvent } from '../../nostr/index.ts'
import { CanonicalReader, MAX_CANONICAL_BYTES } from './canonical-event.ts'
import { parseFrame } from './parse-frame.ts'

const hexOf = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
/** With whatever has an escape or more than one byte, well-formed or not. */
const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({
    unit: fc.constantFrom('"', '\\', '/', '\n', '\u0000', '\u001f', '\u007f', '\u2028', '\ud83d', 'é', '😀'),
  }),
)
const anyEvent: fc.Arbitrary<NostrEvent> = fc.record({
  id: hexOf(64),
  pubkey: hexOf(64),
  created_at: fc.oneof(fc.nat(2_000_000_000), fc.maxSafeNat()),
  kind: fc.oneof(fc.nat(65_535), fc.nat(99_999)),
  tags: fc.array(fc.array(anyText, { maxLength: 4 }), { maxLength: 4 }),
  content: anyText,
  sig: hexOf(128),
})
const members = ['id', 'pubkey', 'created_at', 'kind', 'tags', 'content', 'sig'] as const
const anyOrder = fc.shuffledSubarray([...members], { minLength: members.length })

const HEAD = '["EVENT","s",'
const bytesOf = (json: string) => Buffer.from(`${HEAD}${json}]`)
const jsonIn = (event: NostrEvent, order: readonly (keyof NostrEvent)[]) =>
  `{${order.map((name) => `"${name}":${JSON.stringify(event[name])}`).join(',')}}`

const reader = new CanonicalReader()

/** What the quick reading takes, the plain one takes too, and both say the same of it. */
function isTakenAsByPlainReading(frame: Buffer): boolean {
  const event = reader.read(frame, HEAD.length)
  if (event === undefined) return false
  expect(parseFrame(frame)).toEqual({ ok: true, value: { subscriptionId: 's', event } })
  expect(Object.keys(event)).toEqual(members)
  expect(reader.computeId(frame)).toBe(computeEventId(event))
  return true
}

test('every event that holds is read the quick way when JSON.stringify wrote its members, in whatever order', () => {
  fc.assert(
    fc.property(anyEvent, anyOrder, (event, order) => {
      const frame = bytesOf(jsonIn(event, order))
      const isQuick = isTakenAsByPlainReading(frame)
      // Dates of sixteen digits are left to the plain way, since not all of them are safe integers.
      expect(isQuick).toBe(parseFrame(frame).ok && event.created_at < 1e15)
    }),
    { numRuns: 600 },
  )
})

test('an event in any other spelling is read the plain way, or both say the same', () => {
  const respelled = fc.tuple(anyEvent, anyOrder, fc.nat(), fc.constantFrom(...SPELLINGS))
  fc.assert(
    fc.property(respelled, ([event, order, seed, spell]) => {
      isTakenAsByPlainReading(bytesOf(spell(jsonIn(event, order), seed)))
    }),
    { numRuns: 1_500 },
  )
})

/** Each changes the text in one place, by chance an important one. */
const SPELLINGS: readonly ((json: string, seed: number) => string)[] = [
  (json, seed) => insert(json, seed, ' '),
  (json, seed) => insert(json, seed, '\\'),
  (json, seed) => insert(json, seed, '"'),
  (json, seed) => insert(json, seed, '0'),
  (json, seed) => insert(json, seed, '\t'),
  (json, seed) => insert(json, seed, ',"id":"x"'),
  (json) => json.replace(/"(kind|created_at)":(\d+)/, '"$1":$2.0'),
  (json) => json.replace(/"(kind|created_at)":(\d+)/, '"$1":-$2'),
  (json) => json.replace(/"(kind|created_at)":(\d)(\d*)/, '"$1":$2e1'),
  (json) => json.replace('"tags":[', '"tags":["t",'),
  (json) => json.replace('"tags":[', '"tags":[[],'),
  (json) => json.replace('"tags":[', '"tags":[[5],'),
  (json) => json.replace('"content":"', '"content":"\\u0041'),
  (json) => json.replace('"content":"', '"content":"\\u000A'),
  (json) => json.replace('"content":"', '"content":"\\u000a'),
  (json) => json.replace('"content":"', '"content":"\\u001F'),
  (json) => json.replace('"content":"', '"content":"\\u007f'),
  (json) => json.replace('"content":"', '"content":"\\ud800'),
  (json) => json.replace('"content":"', '"content":"\\/'),
  (json) => json.replace('"content":', '"content":null,"content":'),
  (json) => json.replace('"kind":', '"\\u006bind":'),
  (json) => json.replace(/\}$/, ',"more":{"tags":[]}}'),
  (json) => json.replace(/"sig":"[0-9a-f]{8}/, (start) => start.toUpperCase().replace('SIG', 'sig')),
]

function insert(json: string, seed: number, text: string): string {
  const at = seed % json.length
  return json.slice(0, at) + text + json.slice(at)
}

test('with any two bytes changed it is read the plain way, or both say the same', () => {
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
  fc.assert(
    fc.property(anyEvent, anyOrder, change, change, (event, order, ...changes) => {
      const frame = bytesOf(jsonIn(event, order))
      // Head and end of the message are looked at before, by `scanFrame`.
      const bytes = frame.length - HEAD.length - 1
      for (const [at, byte] of changes) frame[HEAD.length + (at % bytes)] = byte
      isTakenAsByPlainReading(frame)
    }),
    { numRuns: 1_500 },
  )
})

test('the end of a message in the middle of an event is the end of nothing', () => {
  const [sampled] = fc.sample(anyEvent, { numRuns: 1, seed: 1 })
  const event = { ...sampled!, kind: 1, created_at: 1_790_000_000, tags: [['t', 'a"\n']] }
  const frame = bytesOf(jsonIn({ ...event, content: '\u0001' }, members))
  const taken = Array.from({ length: frame.length }, (_, end) =>
    reader.read(frame.subarray(0, end), HEAD.length),
  )
  expect(taken.filter((one) => one !== undefined)).toEqual([])
})

test('events of any length are read, the long ones the plain way', () => {
  const [sampled] = fc.sample(anyEvent, { numRuns: 1, seed: 1 })
  const event = { ...sampled!, kind: 1, created_at: 1_790_000_000, tags: [['t', 'a"\n']] }
  const lengthOf = (content: string) => bytesOf(jsonIn({ ...event, content }, members)).length
  const longest = 'x'.repeat(MAX_CANONICAL_BYTES - lengthOf(''))
  const read = (content: string) => isTakenAsByPlainReading(bytesOf(jsonIn({ ...event, content }, members)))
  expect(read(longest.slice(200))).toBe(true)
  expect(read(`${longest}${'x'.repeat(200)}`)).toBe(false)
})
