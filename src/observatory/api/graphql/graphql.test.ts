import { getIntrospectionQuery } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exampleSnapshot, startTestApi, type TestApi } from '../testing/index.ts'

let api: TestApi
let asked = 0
beforeAll(async () => {
  api = await startTestApi()
})
afterAll(() => api.close())

interface Answer {
  readonly status: number
  readonly data?: Record<string, unknown>
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[]
}

/** Each from an address of its own, so that limits of another kind do not disturb. */
async function ask(query: string, variables?: unknown): Promise<Answer> {
  const address = { 'x-test-address': `192.0.2.${++asked}` }
  const { status, json } = await api.post('/graphql', { query, variables }, address)
  return { status, ...(json as Omit<Answer, 'status'>) }
}

function codes({ errors = [] }: Answer): readonly string[] {
  return errors.map(({ extensions }) => extensions.code)
}

const snapshot = exampleSnapshot()

test('the figures are the same as by the other paths', async () => {
  const { status, data } = await ask(`{
    overview { total_events unique_authors zaps { msat } coverage { source } }
    week: overview(range: D7) { time_range total_events }
    relays(limit: 3, sort: LATENCY, ascending: true, filter: { state: ["live"], country: ["de"] }) {
      total items { url latency kinds { kind events } }
    }
    events { by_kind { kind events } by_day { name count } }
    clients(limit: 2) { name percentage lastSeen }
    top_relays { rank url }
    activity { date events active_users }
    zaps { average_sats timeline { zaps } }
    retention { week retention }
    languages { language percentage }
  }`)
  expect(status).toBe(200)
  expect(data?.overview).toEqual({
    total_events: snapshot.events,
    unique_authors: snapshot.users.count,
    zaps: { msat: String(snapshot.zaps.msat) },
    coverage: { source: 'engine' },
  })
  expect(data?.week).toEqual({ time_range: '7d', total_events: exampleSnapshot('7d').events })
  const address = { 'x-test-address': '198.51.100.1' }
  const relays = await api.get('/stats/relays?sort=latency&state=live&country=DE&limit=3', address)
  const items = (relays.json as { url: string; latency: number }[]).map(({ url, latency }) => ({
    url,
    latency,
  }))
  expect(data?.relays).toMatchObject({ total: Number(relays.headers['x-total-count']), items })
  expect(data?.top_relays).toHaveLength(10)
  expect(data?.activity).toHaveLength(24)
})

test('a relay with its history, or null', async () => {
  const { data } = await ask(
    'query One($url: String!) { relay(url: $url) { relay { url offences { name count } } history { uptime regions { region uptime } } logs { what } } none: relay(url: "wss://nobody.example") { description } }',
    { url: 'wss://relay.quiet-harbor.example' },
  )
  expect(data).toMatchObject({
    relay: {
      relay: { url: 'wss://relay.quiet-harbor.example' },
      history: [{ uptime: 75, regions: [{ region: 'eu', uptime: 50 }, { region: 'us' }] }, { uptime: null }],
    },
    none: null,
  })
})

test('by GET too', async () => {
  const query = new URLSearchParams({
    query: 'query A($r: Range!) { overview(range: $r) { time_range } }',
    variables: '{"r":"D90"}',
  })
  expect((await api.get(`/graphql?${query}`)).json).toEqual({ data: { overview: { time_range: '90d' } } })
})

test('the schema says of itself what there is, with descriptions', async () => {
  const { status, data } = await ask(getIntrospectionQuery())
  expect(status).toBe(200)
  expect(JSON.stringify(data)).toContain('Relays that proved themselves')
})

describe('a query that asks too much is refused before anything is looked up', () => {
  const nested = (depth: number) =>
    `{ ${'... on Query { '.repeat(depth)} overview { time_range } ${'} '.repeat(depth)} }`
  // Each fragment has the next one twice: 2^30 members, in a kilobyte.
  const laughs = `{ ...f0 } ${Array.from({ length: 30 }, (_, n) => `fragment f${n} on Query { ...f${n + 1} ...f${n + 1} }`).join(' ')} fragment f30 on Query { overview { time_range total_events } }`
  const manyAliases = `{ ${Array.from({ length: 21 }, (_, n) => `a${n}: overview { time_range }`).join(' ')} }`

  test.each([
    [
      'a thousand relays with their kinds',
      '{ relays(limit: 1000) { items { url kinds { kind events } } } }',
      'QUERY_TOO_COSTLY',
    ],
    [
      'the same by a variable',
      'query A($n: Int!) { relays(limit: $n) { items { kinds { kind } } } }',
      'QUERY_TOO_COSTLY',
    ],
    ['fragments within fragments', laughs, 'QUERY_TOO_COSTLY'],
    ['aliases', manyAliases, 'TOO_MANY_ALIASES'],
    [
      'pages of twenty relays',
      `{ ${Array.from({ length: 20 }, (_, n) => `a${n}: relay(url: "x") { description }`).join(' ')} }`,
      'QUERY_TOO_COSTLY',
    ],
    ['many words', `{ overview { ${'a '.repeat(2_500)} } }`, 'GRAPHQL_PARSE_FAILED'],
    ['no query', '{ overview {', 'GRAPHQL_PARSE_FAILED'],
    ['a document as JSON', '{"kind":"Document","definitions":[]}', 'GRAPHQL_PARSE_FAILED'],
    ['what there is not', '{ passwords }', 'GRAPHQL_VALIDATION_FAILED'],
    ['a change', 'mutation { overview { time_range } }', 'READ_ONLY'],
    [
      'a fragment within itself',
      '{ ...a } fragment a on Query { overview { time_range } ...a }',
      'GRAPHQL_VALIDATION_FAILED',
    ],
    [
      'the schema without end',
      `{ __schema { types { ${'fields { type { '.repeat(6)} name ${'} } '.repeat(6)} } } }`,
      'GRAPHQL_VALIDATION_FAILED',
    ],
  ])('%s', async (_, query, code) => {
    const before = api.source.asked()
    const answer = await ask(query, {})
    expect(answer.status).toBe(400)
    expect(codes(answer)).toContain(code)
    expect(answer.data).toBeUndefined()
    expect(api.source.asked()).toBe(before)
  })

  test('inline fragments within each other are as deep as what is in them', async () => {
    expect((await ask(nested(40))).status).toBe(200)
  })

  test('a page that is none is refused by name', async () => {
    expect(codes(await ask('{ relays(limit: 0) { total } }'))).toEqual(['BAD_PARAMETER'])
    expect(codes(await ask('{ relays(limit: 2000) { total } }'))).toEqual(['BAD_PARAMETER'])
  })
})

test.each([
  [[{ query: '{ overview { time_range } }' }]],
  [{}],
  [{ query: '' }],
  [{ query: 1 }],
  ['text'],
  [{ query: '{a}', variables: [] }],
  [{ query: 'x'.repeat(20_001) }],
])('a request that is none, or several at once, is refused in the form of GraphQL: %j', async (body) => {
  const { status, json } = await api.post('/graphql', body, { 'x-test-address': '203.0.113.1' })
  expect(status).toBe(400)
  expect(json).toMatchObject({ errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
})

test('what goes wrong inside is not told', async () => {
  const failing = await startTestApi({
    source: { snapshot: () => Promise.reject(new Error('password=hunter2')), onChange: () => () => {} },
  })
  const { json, text } = await failing.post('/graphql', { query: '{ overview { time_range } }' })
  expect(json).toMatchObject({ errors: [{ extensions: { code: 'INTERNAL' } }] })
  expect(text).not.toContain('hunter2')
  await failing.close()
})

test('it counts as the other paths do', async () => {
  const address = { 'x-test-address': '203.0.113.7' }
  for (let n = 0; n < 100; n++) await api.get('/stats/overview', address)
  const { status, json } = await api.post('/graphql', { query: '{ overview { time_range } }' }, address)
  expect(status).toBe(429)
  expect(json).toMatchObject({ errors: [{ extensions: { code: 'RATE_LIMITED' } }] })
})
