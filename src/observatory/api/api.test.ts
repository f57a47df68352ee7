import { get } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { TSchema } from 'typebox'
import Value from 'typebox/value'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../../kernel/index.ts'
import { createMemoryBus } from '../../platform/bus/index.ts'
import type { Cohort, StatisticsSource } from '../snapshot.ts'
import type { OverviewBody, RelayBody, RelayPageBody } from './bodies.ts'
import {
  BrandSchema,
  ErrorSchema,
  HealthSchema,
  RecommendationsSchema,
  SpamScoreSchema,
  WindowSchema,
} from './http/schemas.ts'
import { observatoryPaths } from './index.ts'
import { OPERATIONS } from './operations.ts'
import { exampleSnapshot, GOOD_KEY, NOBODY, startTestApi, type TestApi } from './testing/index.ts'

let api: TestApi
beforeEach(async () => {
  api = await startTestApi()
})
afterEach(() => api.close())

function mistakes(schema: TSchema, value: unknown): unknown {
  return [...Value.Errors(schema, value)].slice(0, 3)
}

const RELAY = encodeURIComponent('wss://relay.quiet-harbor.example')

describe('each path answers exactly what its schema says, in every range', () => {
  const pathOf = (url: string, range: string) => {
    const path = url.replace(':range', range).replace(/:relay|\*/, RELAY)
    return url.includes(':range') ? path : `${path}?range=${range}`
  }
  const asked = OPERATIONS.filter((operation) => operation.is === 'figures').flatMap(({ url, output }) =>
    ['24h', '7d', '30d', '90d', 'all'].map((range) => [pathOf(url, range), output] as const),
  )
  test.each(asked)('%s', async (path, output) => {
    const { status, json, headers } = await api.get(path)
    expect({ status, mistakes: mistakes(output, json) }).toEqual({ status: 200, mistakes: [] })
    expect(headers).toMatchObject({
      'cache-control': 'public, max-age=1, stale-while-revalidate=60',
      'x-stoa-source': 'engine',
      'access-control-allow-origin': '*',
      'last-modified': 'Sat, 21 Nov 2026 14:30:00 GMT',
    })
  })

  test.each([
    ['/brand', BrandSchema],
    ['/health', HealthSchema],
    [`/stats/recommendations?pubkey=${'ab'.repeat(32)}`, RecommendationsSchema],
    ['/stats/activity?since=2026-11-01&until=2026-11-11', WindowSchema],
  ])('%s', async (path, schema) => {
    const { status, json } = await api.get(path)
    expect({ status, mistakes: mistakes(schema, json) }).toEqual({ status: 200, mistakes: [] })
  })

  test('the score of a text', async () => {
    const { status, json } = await api.post('/stats/spam-score', { text: 'buy now' })
    expect({ status, mistakes: mistakes(SpamScoreSchema, json) }).toEqual({ status: 200, mistakes: [] })
    expect(json).toEqual({ probability: 0.99, is_spam: true, signs: ['buy'] })
  })
})

describe('the figures are those of the snapshot', () => {
  const snapshot = exampleSnapshot('24h')

  test('overview', async () => {
    const { json } = await api.get('/stats/overview')
    expect(json).toMatchObject({
      time_range: '24h',
      total_relays: 240,
      active_relays: snapshot.activeRelays,
      total_events: snapshot.events,
      unique_authors: snapshot.users.count,
      latency_p50_ms: 142.4,
      updated_at: '2026-11-21T14:30:00.000Z',
      zaps: { msat: String(snapshot.zaps.msat), sats: Number(snapshot.zaps.msat / 1_000n) },
      coverage: { relays_candidate: 1_418, source: 'engine', regions: ['eu-central', 'us-east'] },
    })
  })

  test('a relay has its latency and uptime of the nearest and of all regions', async () => {
    const { json } = await api.get(`/stats/relays/${RELAY}`)
    expect(json).toMatchObject({
      url: 'wss://relay.quiet-harbor.example',
      events: snapshot.relays[0]!.events,
      history: [
        {
          events: 12,
          uptime: 75,
          latency_p50: 40,
          latency_p95: 200,
          regions: { eu: { uptime: 50, latency_p50: 80 }, us: { uptime: 100, latency_p50: 40 } },
        },
        { uptime: null, latency_p50: null, latency_p95: null, regions: {} },
      ],
      logs: [{ what: 'forged-id', count: 3, detail: null }],
      monitors: [{ rtt_open: 120, rtt_read: null }],
    })
  })

  test.each([
    'relay.quiet-harbor.example',
    'wss://relay.quiet-harbor.example/',
    'wss%3A%2F%2Frelay.quiet-harbor.example%2F',
  ])('a relay is found as %s too', async (spelled) => {
    expect((await api.get(`/stats/relays/${spelled}`)).status).toBe(200)
  })

  test('a relay that is not known is 404, with no tag and nothing to cache', async () => {
    const { status, json, headers } = await api.get('/stats/relays/wss%3A%2F%2Fnobody.example')
    expect(status).toBe(404)
    expect(json).toMatchObject({ error: { code: 'NOT_FOUND' } })
    expect(headers.etag).toBeUndefined()
    expect(headers['cache-control']).toBe('no-store')
  })

  test('hours of 24h and days of the others carry their dates', async () => {
    const day = (await api.get('/stats/activity?range=7d')).json as { readonly date: string }[]
    const hour = (await api.get('/stats/activity')).json as { readonly date: string }[]
    expect(day.map(({ date }) => date)).toContain('2026-11-21')
    expect(day).toHaveLength(7)
    expect(hour.at(-1)?.date).toBe('2026-11-21T14')
    expect(hour).toHaveLength(24)
  })

  test('a window of time is whole days, and says how far its people may be off', async () => {
    const { json } = await api.get('/stats/activity?since=2026-11-01T12:00:00Z&until=2026-11-03T00:00:01Z')
    expect(json).toMatchObject({
      since: '2026-11-01T00:00:00.000Z',
      until: '2026-11-04T00:00:00.000Z',
      total_events: 30,
      authors: { count: 33, approximate: true, error: 0.065 },
    })
    expect((await api.get('/stats/activity?since=2026-11-03&until=2026-11-01')).status).toBe(400)
  })

  test('without records a relay is shown with what there is, and a window not at all', async () => {
    const bare = await startTestApi({ records: () => undefined })
    expect((await bare.get(`/stats/relays/${RELAY}`)).json).toMatchObject({
      history: [],
      records_missing: true,
    })
    expect((await bare.get('/stats/activity?since=2026-11-01')).status).toBe(503)
    await bare.close()
  })

  test('a relay is shown while the database does not answer, as new as its figures', async () => {
    const away = async () => {
      throw new AppError('DATABASE_UNREACHABLE', 'The database does not answer.')
    }
    const failing = await startTestApi({
      records: () => ({
        relayHistory: away,
        relayLogs: away,
        monitors: away,
        activeDays: away,
        windowUsers: away,
      }),
    })
    const { json: overview } = await failing.get('/stats/overview')
    const { status, json } = await failing.get(`/stats/relays/${RELAY}`)
    expect([status, json]).toMatchObject([
      200,
      { history: [], records_missing: true, updated_at: (overview as OverviewBody).updated_at },
    ])
    expect((json as RelayPageBody).coverage).toEqual((overview as OverviewBody).coverage)
    await failing.close()
  })
})

describe('lists', () => {
  test('pages say how many there are and where the others are', async () => {
    const { headers, json } = await api.get('/stats/relays?limit=50&offset=50&state=live')
    const total = exampleSnapshot().relays.filter(({ state }) => state === 'live').length
    expect(json).toHaveLength(50)
    expect(headers['x-total-count']).toBe(String(total))
    expect(headers.link).toContain('</api/v1/stats/relays?limit=50&offset=100&state=live>; rel="next"')
    expect(headers.link).toContain('</api/v1/stats/relays?limit=50&offset=0&state=live>; rel="prev"')
  })

  test('whoever asks first by the URL of another host leads nobody else there', async () => {
    const port = await api.listen()
    const linkOf = (target: string): Promise<unknown> =>
      new Promise((resolve, reject) => {
        get({ port, path: target }, (answer) => {
          answer.resume()
          resolve(answer.headers.link)
        }).on('error', reject)
      })
    expect(await linkOf('http://evil.example/api/v1/stats/relays?limit=1')).not.toContain('evil')
    expect(await linkOf('/api/v1/stats/relays?limit=1')).toContain('</api/v1/stats/relays?limit=1&offset=0>')
  })

  test.each<[string, (relay: RelayBody) => boolean]>([
    ['nip=42,45', ({ nips }) => nips.includes(42) && nips.includes(45)],
    ['country=de,JP', ({ countries }) => countries.includes('DE') || countries.includes('JP')],
    ['software=STRFRY', ({ software }) => software?.includes('strfry') ?? false],
    ['state=waiting,polling', ({ state }) => ['waiting', 'polling'].includes(state)],
    ['max_latency=60', ({ latency }) => latency !== null && latency <= 60],
    ['min_uptime=99.5', ({ uptime }) => uptime !== null && uptime >= 99.5],
    ['q=Meadow', ({ url, name }) => url.includes('meadow') || (name?.includes('meadow') ?? false)],
  ])('the filter %s leaves those that fit, and all of them', async (filter, fits) => {
    const all = (await api.get('/stats/relays')).json as RelayBody[]
    const some = (await api.get(`/stats/relays?${filter}`)).json as RelayBody[]
    expect(some.length).toBeGreaterThan(0)
    expect(some.length).toBeLessThan(all.length)
    expect(some).toEqual(all.filter(fits))
  })

  test.each(['events', 'latency', 'latency_p95', 'health_score', 'uptime'] as const)(
    'sorted by %s either way, those without it are last',
    async (by) => {
      for (const sign of ['', '-']) {
        const { json } = await api.get(`/stats/relays?sort=${sign}${by}`)
        const values = (json as RelayBody[]).map((relay) => relay[by])
        const known = values.filter((value) => value !== null)
        expect(values.slice(0, known.length)).toEqual(known)
        expect(known).toEqual(known.toSorted((a, b) => (sign === '' ? a - b : b - a)))
      }
    },
  )

  test('clients by name and kind', async () => {
    expect((await api.get('/stats/clients?q=DAM')).json).toMatchObject([{ name: 'Damus' }])
    const { headers, json } = await api.get('/stats/clients?kind=9735&sort=users&limit=1')
    expect(Number(headers['x-total-count'])).toBeGreaterThan(1)
    expect(json).toMatchObject([{ kinds: expect.arrayContaining([9_735]) as unknown }])
  })
})

describe('a query that is wrong is refused with its name and what is allowed', () => {
  test.each([
    ['/stats/overview?range=1y', 'range', '24h, 7d, 30d, 90d, all'],
    ['/stats/overview?rnage=24h', 'rnage', 'allowed are range'],
    ['/stats/overview?range=24h&range=7d', 'range', 'given once'],
    ['/stats/events/24h?range=7d', 'range', 'given once'],
    ['/stats/events/5y', 'range', '24h, 7d'],
    ['/stats/relays?limit=1001', 'limit', 'from 1 to 1000'],
    ['/stats/relays?limit=0', 'limit', 'from 1 to 1000'],
    ['/stats/relays?limit=1e2', 'limit', 'whole number'],
    ['/stats/relays?offset=-1', 'offset', 'whole number'],
    ['/stats/relays?sort=__proto__', 'sort', 'events, active_users'],
    ['/stats/relays?sort=--events', 'sort', 'events, active_users'],
    ['/stats/relays?country=GER', 'country', 'two letters'],
    ['/stats/relays?state=dead', 'state', 'live'],
    ['/stats/relays?max_latency=NaN', 'max_latency', 'number from 0'],
    ['/stats/relays?__proto__=1', '__proto__', 'not known'],
    ['/stats/relays?q=', 'q', '1 to 100'],
    ['/stats/activity?since=yesterday', 'since', 'ISO 8601'],
    ['/stats/recommendations', 'pubkey', 'missing'],
    ['/stats/recommendations?pubkey=npub1', 'pubkey', '64 lowercase hex'],
    ['/stats/export?what=secrets', 'what', 'relay-events, network-events'],
    ['/stats/stream?topics=overview,all', 'topics', 'overview'],
    ['/brand?x=1', 'x', 'none is allowed here'],
  ])('%s', async (path, name, allowed) => {
    const { status, json } = await api.get(path)
    expect(status).toBe(400)
    expect(mistakes(ErrorSchema, json)).toEqual([])
    const { error } = json as { readonly error: { readonly code: string; readonly message: string } }
    expect(error.code).toBe('BAD_PARAMETER')
    expect(error.message).toContain(name)
    expect(error.message).toContain(allowed)
  })

  test('a body that is none', async () => {
    expect((await api.post('/stats/spam-score', { txt: 1 })).status).toBe(400)
    expect((await api.post('/stats/spam-score', { text: 'x'.repeat(60_000) })).status).toBe(400)
    expect((await api.post('/stats/spam-score', { text: 'x'.repeat(300_000) })).status).toBe(413)
  })
})

describe('caching', () => {
  test('who has the figures is answered 304 until they change, and then gets them', async () => {
    const first = await api.get('/stats/overview')
    const etag = first.headers.etag ?? ''
    expect(etag).toMatch(/^W\/"/)
    const again = await api.get('/stats/overview', { 'if-none-match': etag })
    expect([again.status, again.text]).toEqual([304, ''])
    expect(again.headers['x-stoa-source']).toBe('engine')
    api.source.change()
    const after = await api.get('/stats/overview', { 'if-none-match': etag })
    expect(after.status).toBe(200)
    expect(after.json).toMatchObject({ total_events: exampleSnapshot().events + 1 })
  })

  test('a tag among others, or without its weakness, is known too', async () => {
    const etag = (await api.get('/stats/overview')).headers.etag ?? ''
    for (const named of [`"x", ${etag}`, etag.slice(2), '*']) {
      expect((await api.get('/stats/overview', { 'if-none-match': named })).status).toBe(304)
    }
    expect((await api.get('/stats/overview', { 'if-none-match': '"x"' })).status).toBe(200)
  })

  test('the source is asked once for many who ask at the same time', async () => {
    await Promise.all(Array.from({ length: 50 }, () => api.get('/stats/overview')))
    expect(api.source.asked()).toBe(1)
  })

  test('an answer is made once for all who wait for it', async () => {
    let made = 0
    const counting: ArrayLike<Cohort> & { map: unknown } = []
    counting.map = () => {
      made++
      return []
    }
    const { snapshot } = (await api.source.snapshot('24h'))!
    const source: StatisticsSource = {
      snapshot: async () => ({
        snapshot: { ...snapshot, cohorts: counting as never },
        from: 'engine',
        version: '1',
      }),
      onChange: () => () => {},
    }
    const one = await startTestApi({ source })
    const answers = await Promise.all(Array.from({ length: 20 }, () => one.get('/stats/retention')))
    expect([new Set(answers.map(({ text }) => text)), made]).toEqual([new Set(['[]']), 1])
    await one.close()
  })

  test('compressed as the client likes it, and always the same figures', async () => {
    const plain = await api.get('/stats/relays')
    const gzip = await api.get('/stats/relays', { 'accept-encoding': 'gzip' })
    const brotli = await api.get('/stats/relays', { 'accept-encoding': 'gzip, deflate, br' })
    const none = await api.get('/stats/relays', { 'accept-encoding': 'br;q=0, gzip;q=0' })
    expect([gzip, brotli, none].map(({ headers }) => headers['content-encoding'])).toEqual([
      'gzip',
      'br',
      undefined,
    ])
    expect(gunzipSync(gzip.bytes).toString()).toBe(plain.text)
    expect(brotliDecompressSync(brotli.bytes).toString()).toBe(plain.text)
    expect(brotli.bytes.length).toBeLessThan(plain.bytes.length / 3)
    expect(plain.headers.vary).toContain('Accept-Encoding')
  })

  test('without figures it is 503 and says when to come back; a source that fails is bridged for a minute', async () => {
    await api.get('/stats/overview')
    api.source.fail(true)
    api.source.change()
    expect((await api.get('/stats/overview')).status).toBe(200)
    api.clock.advanceSeconds(62)
    expect((await api.get('/stats/overview')).status).toBe(500)
    api.source.fail(false)
    api.source.empty()
    const { status, headers } = await api.get('/stats/overview')
    expect([status, headers['retry-after']]).toEqual([503, '5'])
  })
})

describe('limits', () => {
  const from = (address: string) => ({ 'x-test-address': address })

  test('an address has 100 requests in 15 minutes, whatever they are, and then is told when to come back', async () => {
    for (let n = 0; n < 100; n++) {
      const path = n % 2 === 0 ? '/stats/overview' : '/stats/overview?range=never'
      const { headers } = await api.get(path, from('192.0.2.1'))
      expect(headers['ratelimit-remaining']).toBe(String(99 - n))
    }
    const { status, headers, json } = await api.get('/stats/zaps', from('192.0.2.1'))
    expect(status).toBe(429)
    expect(json).toMatchObject({ error: { code: 'RATE_LIMITED' } })
    expect(headers).toMatchObject({
      'ratelimit-limit': '100',
      'ratelimit-policy': '100;w=900',
      'cache-control': 'no-store',
    })
    expect(headers.etag).toBeUndefined()
    expect((await api.get('/stats/zaps', from('192.0.2.2'))).status).toBe(200)
    api.clock.advanceSeconds(Number(headers['retry-after']))
    expect((await api.get('/stats/zaps', from('192.0.2.1'))).status).toBe(200)
  })

  test('what is unchanged costs nothing, also when all else is spent', async () => {
    const address = from('192.0.2.3')
    const etag = (await api.get('/stats/overview', address)).headers.etag ?? ''
    const known = { ...address, 'if-none-match': etag }
    for (let n = 0; n < 99; n++) await api.get('/stats/overview', address)
    expect((await api.get('/stats/overview', address)).status).toBe(429)
    for (let n = 0; n < 50; n++) expect((await api.get('/stats/overview', known)).status).toBe(304)
  })

  test('a page of this very site may ask more, and its looks are not limited', async () => {
    const page = { ...from('192.0.2.4'), 'sec-fetch-site': 'same-origin' }
    expect((await api.get('/stats/overview', page)).headers['ratelimit-limit']).toBe('600')
    expect((await api.get('/brand')).headers['ratelimit-limit']).toBeUndefined()
  })

  test('processes that share a bus count together', async () => {
    const rates = createMemoryBus()
    const [one, other] = await Promise.all([startTestApi({ rates }), startTestApi({ rates })])
    for (let n = 0; n < 60; n++) await one.get('/stats/overview', from('192.0.2.6'))
    one.clock.advanceSeconds(1)
    await one.get('/stats/overview', from('192.0.2.6'))
    other.clock.advanceSeconds(1)
    await other.get('/stats/overview', from('192.0.2.6'))
    expect((await other.get('/stats/overview', from('192.0.2.6'))).headers['ratelimit-remaining']).toBe('37')
    await Promise.all([one.close(), other.close()])
  })

  test('a key has the free tier without a subscription, in either header; a wrong one is 401 and spends what the address has', async () => {
    const bearer = await api.get('/stats/overview', { authorization: `Bearer ${GOOD_KEY}` })
    const own = await api.get('/stats/overview', { 'x-api-key': GOOD_KEY })
    expect([bearer, own].map(({ headers }) => headers['ratelimit-remaining'])).toEqual(['999', '998'])
    const wrong = { ...from('192.0.2.7'), 'x-api-key': 'stoa_wrong' }
    const statuses = []
    for (let n = 0; n < 101; n++) statuses.push((await api.get('/stats/overview', wrong)).status)
    expect(statuses.slice(0, 100).every((status) => status === 401)).toBe(true)
    expect(statuses[100]).toBe(429)
  })

  test('an access token of somebody is not taken for a key', async () => {
    const { status, headers } = await api.get('/stats/overview', { authorization: 'Bearer eyJ.a.b' })
    expect([status, headers['ratelimit-limit']]).toEqual([200, '100'])
  })

  test('usage is for keys', async () => {
    expect((await api.get('/stats/usage')).status).toBe(401)
    expect((await api.get('/stats/usage', { 'x-api-key': GOOD_KEY })).status).toBe(503)
  })
})

describe('what is not there', () => {
  test('what cannot be recommended is refused with its reason', async () => {
    const { status, json } = await api.get(`/stats/recommendations?pubkey=${NOBODY}`)
    expect([status, json]).toMatchObject([404, { error: { code: 'NO_FOLLOWS' } }])
  })

  test('where there is none, it says so', async () => {
    const bare = await startTestApi({}, 'figures alone')
    expect((await bare.get('/stats/export?what=network-events')).status).toBe(503)
    expect((await bare.get(`/stats/recommendations?pubkey=${NOBODY}`)).status).toBe(503)
    expect((await bare.post('/stats/spam-score', { text: '' })).status).toBe(503)
    await bare.close()
  })
})

test('every path is in the OpenAPI document, with its parameters', () => {
  const paths = observatoryPaths()
  const urls = OPERATIONS.filter(({ url }) => !url.endsWith('*')).map(
    ({ url }) => `/api/v1${url.replace(/:(\w+)/, '{$1}')}`,
  )
  expect(Object.keys(paths).toSorted()).toEqual([...urls, '/api/v1/graphql'].toSorted())
  const relays = paths['/api/v1/stats/relays']?.get
  expect(relays?.parameters.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['range', 'sort', 'limit', 'offset', 'nip', 'country', 'min_uptime', 'q']),
  )
  expect(paths['/api/v1/stats/full/{range}']?.get?.parameters.map(({ name }) => name)).toEqual([
    'range',
    'limit',
    'offset',
  ])
  const limits = ['/stats/overview', '/stats/export', '/health', '/brand'].map(
    (path) => paths[`/api/v1${path}`]?.get?.description,
  )
  expect(limits).toEqual([
    expect.stringContaining('100 requests'),
    expect.stringContaining('counts as 10'),
    expect.stringContaining('1800 requests'),
    'Not limited.',
  ])
  const ids = Object.values(paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  )
  expect(new Set(ids).size).toBe(ids.length)
})
