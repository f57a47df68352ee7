import Value from 'typebox/value'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ErrorSchema } from './http/schemas.ts'
import { OPERATIONS } from './operations.ts'
import { startTestApi, type TestApi } from './testing/index.ts'

let api: TestApi
beforeEach(async () => {
  api = await startTestApi()
})
afterEach(() => api.close())

const figures = OPERATIONS.filter((operation) => operation.is === 'figures').map(({ url }) =>
  url.replace(':range', '24h').replace(/:relay|\*/, encodeURIComponent('wss://relay.quiet-harbor.example')),
)

test('each path answers what it answered last, for a minute, and then says that it cannot', async () => {
  const first = await Promise.all(figures.map((path) => api.get(path)))
  expect(first.map(({ status }) => status)).toEqual(figures.map(() => 200))
  api.source.fail(true)
  api.source.change()
  const second = await Promise.all(figures.map((path) => api.get(path)))
  expect(second.map(({ status, text }) => [status, text])).toEqual(first.map(({ text }) => [200, text]))
  api.clock.advanceSeconds(62)
  for (const path of figures) {
    const { status, json, headers } = await api.get(path)
    expect([path, status, [...Value.Errors(ErrorSchema, json)]]).toEqual([path, 500, []])
    // Nobody is to keep that as if it were the figures.
    expect([headers.etag, headers['cache-control']]).not.toContain(
      'public, max-age=1, stale-while-revalidate=60',
    )
  }
  api.source.fail(false)
  expect((await api.get('/stats/overview')).status).toBe(200)
})

test('the rest of the API goes on', async () => {
  api.source.fail(true)
  const statuses = await Promise.all(
    ['/brand', '/health', '/stats/export?what=clients'].map(async (path) => (await api.get(path)).status),
  )
  expect(statuses).toEqual([200, 200, 200])
  expect((await api.post('/stats/spam-score', { text: 'buy' })).status).toBe(200)
})
