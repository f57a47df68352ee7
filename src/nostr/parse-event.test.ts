import { expect, test } from 'vitest'
import { parseEvent } from './parse-event.ts'
import { testEvent } from './testing.ts'

const good = testEvent({ tags: [['t', 'a', 'b'], ['-']], content: 'hello' })

/** Through JSON text, because that is where events come from. */
function parseJson(text: string) {
  return parseEvent(JSON.parse(text))
}

/** The refusal for the good event with one member spelled otherwise; undefined removes it. */
function refusalWith(member: string, json: string | undefined): string {
  const members = Object.entries(good).filter(([name]) => name !== member)
  const spelled = members.map(([name, value]) => `"${name}":${JSON.stringify(value)}`)
  if (json !== undefined) spelled.push(`"${member}":${json}`)
  const outcome = parseJson(`{${spelled.join(',')}}`)
  return outcome.ok ? 'accepted' : outcome.refusal
}

test('a well-formed event is accepted with its seven values', () => {
  expect(parseJson(JSON.stringify(good))).toEqual({ ok: true, value: good })
})

test.each(['id', 'pubkey', 'sig'])('%s must be lowercase hex of its exact length', (member) => {
  const length = member === 'sig' ? 128 : 64
  const text = `${member} must be ${length} lowercase hex characters`
  const bad = ['A', 'g', ' ', 'é'].map((end) => 'a'.repeat(length - 1) + end)
  for (const value of [...bad, 'a'.repeat(length - 1), 'a'.repeat(length + 1), '']) {
    expect(refusalWith(member, JSON.stringify(value))).toBe(text)
  }
  for (const json of ['1', 'null', '[]', undefined]) expect(refusalWith(member, json)).toBe(text)
})

test.each(['-1', '65536', '1.5', '"1"', 'null', '1e400', 'true', undefined])('kind %s is refused', (json) => {
  expect(refusalWith('kind', json)).toBe('kind must be an integer from 0 to 65535')
})

test.each(['0', '65535', '1.0', '3e4'])('kind %s is accepted', (json) => {
  expect(refusalWith('kind', json)).toBe('accepted')
})

test.each([
  '"1"',
  '1.5',
  'null',
  'true',
  undefined,
  '-1',
  '9007199254740992',
  '9223372036854775808',
  '18446744073709551615',
  '18446744073709551616',
  '1e400',
])('created_at %s is refused', (json) => {
  expect(refusalWith('created_at', json)).toBe('created_at must be an integer from 0 to 9007199254740991')
})

test.each(['0', '2147483648', '4294967296', '9007199254740991', '1.7e9', '1700000000.0'])(
  'created_at %s is accepted',
  (json) => {
    expect(refusalWith('created_at', json)).toBe('accepted')
  },
)

test('minus zero is read as the zero that is hashed', () => {
  const outcome = parseEvent({ ...good, created_at: -0, kind: -0 })
  expect(outcome.ok && [outcome.value.created_at, outcome.value.kind]).toStrictEqual([0, 0])
})

test.each([
  'null',
  '{}',
  '"t"',
  '["t"]',
  '[["t"],"t"]',
  '[["t",1]]',
  '[["t",null]]',
  '[["t",{}]]',
  '[["t",["x"]]]',
  '[[]]',
  '[["\\ud800"]]',
  '[["t","x\\udc00"]]',
  undefined,
])('tags %s are refused', (json) => {
  expect(refusalWith('tags', json)).toBe('tags must be an array of non-empty arrays of well-formed strings')
})

test.each(['[]', '[["d"]]', '[["t",""]]', '[["t","a"],["t","a"]]', JSON.stringify([Array(20).fill('x')])])(
  'tags %s are accepted',
  (json) => {
    expect(refusalWith('tags', json)).toBe('accepted')
  },
)

test.each(['1', 'null', '["x"]', '"\\ud800"', '"a\\udc00b"', undefined])('content %s is refused', (json) => {
  expect(refusalWith('content', json)).toBe('content must be a well-formed string')
})

test.each(['null', '[]', '"text"', '5', 'true'])('%s is no event', (json) => {
  expect(parseJson(json)).toEqual({ ok: false, refusal: 'an event must be a JSON object' })
})

test('unknown members are dropped, __proto__ among them', () => {
  const outcome = parseJson(JSON.stringify(good).replace('{', '{"seen_on":"x","__proto__":{"kind":7},'))
  expect(outcome).toEqual({ ok: true, value: good })
  expect(outcome.ok && Object.keys(outcome.value)).toEqual(Object.keys(good))
})

test('members that only a prototype has do not make an event', () => {
  expect(parseJson(`{"__proto__":${JSON.stringify(good)}}`)).toMatchObject({ ok: false })
})

test('of a member given twice, the last is the one checked and kept', () => {
  const outcome = parseJson(JSON.stringify(good).replace('"kind":1', '"kind":"x","kind":7'))
  expect(outcome).toMatchObject({ ok: true, value: { kind: 7 } })
})
