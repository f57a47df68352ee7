import { expect, test } from 'vitest'
import { parseFilter } from './parse-filter.ts'
import { ALICE, BOB } from './testing.ts'

/** Through JSON text, because that is where filters come from. */
const parse = (json: string) => parseFilter(JSON.parse(json))

const prefixOf = (json: string) => {
  const outcome = parse(json)
  return outcome.ok ? 'accepted' : outcome.refusal.prefix
}

test('every attribute is read, each tag letter in its own condition', () => {
  const json = JSON.stringify({
    ids: [ALICE],
    authors: [BOB],
    kinds: [1, 65535],
    '#e': [ALICE],
    '#E': ['not hex'],
    '#t': ['Ä', ''],
    since: 0,
    until: 9007199254740991,
    limit: 0,
  })
  expect(parse(json)).toEqual({
    ok: true,
    value: {
      ids: [ALICE],
      authors: [BOB],
      kinds: [1, 65535],
      tags: [
        { name: 'e', values: [ALICE] },
        { name: 'E', values: ['not hex'] },
        { name: 't', values: ['Ä', ''] },
      ],
      since: 0,
      until: 9007199254740991,
      limit: 0,
    },
  })
})

test('the empty filter has no condition', () => {
  expect(parse('{}')).toEqual({ ok: true, value: {} })
})

test('an empty list stays one, so that it matches nothing', () => {
  expect(parse('{"authors":[],"#t":[]}')).toEqual({
    ok: true,
    value: { authors: [], tags: [{ name: 't', values: [] }] },
  })
})

test('repeated values are dropped', () => {
  expect(parse(`{"kinds":[1,2,1,1.0],"authors":["${ALICE}","${ALICE}"],"#t":["x","x"]}`)).toEqual({
    ok: true,
    value: { kinds: [1, 2], authors: [ALICE], tags: [{ name: 't', values: ['x'] }] },
  })
})

test.each(['ids', 'authors', '#e', '#p'])('%s takes whole lowercase hex only', (name) => {
  for (const value of [ALICE.slice(0, 10), ALICE.toUpperCase(), `${ALICE}a`, '', 5, null]) {
    expect(prefixOf(JSON.stringify({ [name]: [value] }))).toBe('invalid')
  }
})

test.each(Array.from('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'))(
  '#%s is a tag condition',
  (letter) => {
    expect(parse(`{"#${letter}":["${ALICE}"]}`)).toEqual({
      ok: true,
      value: { tags: [{ name: letter, values: [ALICE] }] },
    })
  },
)

test.each(['#alt', '#-', '#1', '#', '#é', '# t', '#t\n', 'foo', '', 'tags', '__proto__', 'constructor'])(
  'attribute %j is unsupported',
  (name) => {
    expect(prefixOf(`{${JSON.stringify(name)}:["x"]}`)).toBe('unsupported')
  },
)

test.each(['""', '"orange"', '5'])('search %s is unsupported', (json) => {
  expect(parse(`{"search":${json}}`)).toEqual({
    ok: false,
    refusal: { prefix: 'unsupported', text: 'search (NIP-50) is not offered by this relay' },
  })
})

test.each([
  'orange',
  ' "red apple" -pear ',
  "'; DROP TABLE event; --",
  'foo:bar',
  'ключ 鍵',
  '*',
  '(',
  'x'.repeat(10_240),
])('search %j is kept as it came where it is offered', (search) => {
  expect(parseFilter({ search, kinds: [1] }, { allowsSearch: true })).toEqual({
    ok: true,
    value: { search, kinds: [1] },
  })
})

test.each(['', ' ', '\t\n\u3000'])('search %j is as if it were not there', (search) => {
  expect(parseFilter({ search, kinds: [1] }, { allowsSearch: true })).toEqual({
    ok: true,
    value: { kinds: [1] },
  })
})

test.each([5, null, ['x'], {}, '\ud800'])('search %j is invalid', (search) => {
  expect(parseFilter({ search }, { allowsSearch: true })).toMatchObject({ refusal: { prefix: 'invalid' } })
})

test('a search may be exactly as long as the limit says', () => {
  const limits = { allowsSearch: true, maxSearchCharacters: 3 }
  expect(parseFilter({ search: 'abc' }, limits)).toMatchObject({ value: { search: 'abc' } })
  expect(parseFilter({ search: 'abcd' }, limits)).toEqual({
    ok: false,
    refusal: { prefix: 'invalid', text: 'search has 4 characters, at most 3 are served' },
  })
})

test('an unknown name is quoted, shortened, in the refusal', () => {
  const outcome = parse(JSON.stringify({ [`"${'x'.repeat(1000)}`]: 1 }))
  expect(outcome).toMatchObject({
    refusal: { text: `filter attribute "\\"${'x'.repeat(31)}" is not understood` },
  })
})

test.each([
  'null',
  '[]',
  '"x"',
  '5',
  '{"authors":"x"}',
  '{"ids":null}',
  '{"ids":{}}',
  '{"kinds":["1"]}',
  '{"kinds":[65536]}',
  '{"kinds":[-1]}',
  '{"kinds":[1.5]}',
  '{"kinds":1}',
  '{"since":"1"}',
  '{"since":1.5}',
  '{"since":-1}',
  '{"since":null}',
  '{"until":9007199254740992}',
  '{"until":1e400}',
  '{"limit":-1}',
  '{"limit":1.5}',
  '{"limit":"1"}',
  '{"#t":"x"}',
  '{"#t":[1]}',
  '{"#t":["\\ud800"]}',
])('%s is invalid', (json) => {
  expect(prefixOf(json)).toBe('invalid')
})

test('a list may hold exactly as many values as the limit says', () => {
  expect(parseFilter({ kinds: [1, 2, 3] }, { maxValues: 3 })).toMatchObject({ ok: true })
  expect(parseFilter({ kinds: [1, 2, 3, 4] }, { maxValues: 3 })).toEqual({
    ok: false,
    refusal: { prefix: 'invalid', text: 'kinds holds 4 values, at most 3 are served' },
  })
})

test('__proto__ neither becomes a condition nor reaches Object.prototype', () => {
  const outcome = parse('{"__proto__":{"kinds":[1]}}')
  expect(outcome).toMatchObject({ ok: false, refusal: { prefix: 'unsupported' } })
  expect('kinds' in {}).toBe(false)
})
