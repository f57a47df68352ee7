import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listRelays, RELAY_SORT_KEYS } from './figures/list-relays.ts'
import { pageHeaders, pageOf } from './figures/pages.ts'
import { Answer } from './http/answer.ts'
import { AnswerCache } from './http/answer-cache.ts'
import { OPERATIONS } from './operations.ts'
import { exampleSnapshot, startTestApi, type TestApi } from './testing/index.ts'

let api: TestApi
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

const { relays } = exampleSnapshot()
const NO_FILTER = {
  nip: undefined,
  country: undefined,
  software: undefined,
  state: undefined,
  max_latency: undefined,
  min_uptime: undefined,
  q: undefined,
}
const sortings = fc.record({
  by: fc.constantFrom(...(Object.keys(RELAY_SORT_KEYS) as (keyof typeof RELAY_SORT_KEYS)[])),
  isDescending: fc.boolean(),
})

test('sorting loses nobody, adds nobody, and does not depend on the order before', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...relays]), sortings, (some, sorting) => {
      const found = listRelays(some, NO_FILTER, sorting)
      expect(new Set(found)).toEqual(new Set(some))
      expect(listRelays(some.toReversed(), NO_FILTER, sorting)).toEqual(found)
    }),
    { numRuns: 30 },
  )
})

test('pages put together are the list, and following `next` visits each once', () => {
  fc.assert(
    fc.property(fc.nat(400), fc.integer({ min: 1, max: 120 }), (length, limit) => {
      const items = Array.from({ length }, (_, n) => n)
      const seen: number[] = []
      let offset: number | undefined = 0
      while (offset !== undefined) {
        seen.push(...pageOf(items, { limit, offset }))
        const { link = '' } = pageHeaders(length, { limit, offset }, '/x?q=a%20b&limit=7')
        const next: string | undefined = /<([^>]*)>; rel="next"/.exec(link)?.[1]
        offset =
          next === undefined ? undefined : Number(new URLSearchParams(next.split('?')[1]).get('offset'))
        if (next !== undefined) expect(new URLSearchParams(next.split('?')[1]).get('q')).toBe('a b')
      }
      expect(seen).toEqual(items)
    }),
  )
})

test('a stricter filter never finds more', () => {
  fc.assert(
    fc.property(fc.nat(900), fc.nat(900), (a, b) => {
      const found = (max_latency: number) =>
        listRelays(relays, { ...NO_FILTER, max_latency }, { by: 'events', isDescending: true })
      const [less, more] = [found(Math.min(a, b)), found(Math.max(a, b))]
      expect(less.every((relay) => more.includes(relay))).toBe(true)
    }),
  )
})

test('the cache never holds more than it may, and never gives another version', () => {
  const limits = { maxEntries: 5, maxBytes: 2_000 }
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'),
    version: fc.constantFrom('1', '2'),
    length: fc.nat(600),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = new AnswerCache(limits)
      for (const { key, version, length } of steps) {
        expect(cache.get(key, version)?.version ?? version).toBe(version)
        cache.put(key, new Answer(version, 'x'.repeat(length)))
        expect(cache.size.entries).toBeLessThanOrEqual(limits.maxEntries)
        expect(cache.size.bytes).toBeLessThanOrEqual(limits.maxBytes)
      }
    }),
  )
})

const paths = OPERATIONS.filter(({ method = 'GET', url }) => method === 'GET' && !url.includes('stream')).map(
  ({ url }) => url.replace(':range', '24h').replace(/:relay|\*/, 'relay.example'),
)
const names = [...new Set(OPERATIONS.flatMap(({ parameters }) => Object.keys(parameters)))]
const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    '%00',
    '%',
    '-1',
    '1e308',
    'NaN',
    '0x10',
    '9'.repeat(40),
    ',,,',
    "' OR 1=1 --",
    '{"$gt":1}',
  ),
)
const queries = fc.array(fc.tuple(fc.oneof(fc.constantFrom(...names), nasty), nasty), { maxLength: 5 })

test('whatever a query says, it is answered or refused, never a fault', async () => {
  let address = 0
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), queries, fc.boolean(), async (path, query, isRaw) => {
      const text = query
        .map(([name, value]) =>
          isRaw
            ? `${name}=${value}`
            : `${encodeURIComponent(wellFormed(name))}=${encodeURIComponent(wellFormed(value))}`,
        )
        .join('&')
      const raw = text.replaceAll(/[^\x21-\x7e]/g, '%ff').replaceAll('#', '%23')
      const { status } = await api.get(`${path}?${raw}`, {
        'x-test-address': `10.0.${++address >> 8}.${address & 255}`,
      })
      expect([200, 400, 401, 404]).toContain(status)
    }),
    { numRuns: 300 },
  )
})

function wellFormed(text: string): string {
  return text.toWellFormed()
}
