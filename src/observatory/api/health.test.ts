import { setTimeout as delay } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { startTestApi } from './testing/index.ts'

test('health is 503 when the database failed or nobody answers, degraded when Redis is away', async () => {
  const failed = await startTestApi({ health: async () => ({ database: 'failed', redis: 'ok' }) })
  const silent = await startTestApi({ health: () => Promise.reject(new Error('away')) })
  const degraded = await startTestApi({ health: async () => ({ database: 'ok', redis: 'failed' }) })
  const answers = await Promise.all([failed, silent, degraded].map((one) => one.get('/health')))
  expect(answers.map(({ status }) => status)).toEqual([503, 503, 200])
  expect(answers.map(({ json }) => (json as { readonly status: string }).status)).toEqual([
    'failed',
    'failed',
    'degraded',
  ])
  await Promise.all([failed, silent, degraded].map((one) => one.close()))
})

test('who asks for health waits for one question to the database, asked once a second', async () => {
  let asked = 0
  let answer: ((services: { database: 'ok'; redis: 'off' }) => void) | undefined
  const hanging = await startTestApi({
    health: () => {
      asked++
      return new Promise((resolve) => {
        answer = resolve
      })
    },
  })
  const answers = Array.from({ length: 50 }, () => hanging.get('/health'))
  await vi.waitFor(() => expect(answer).toBeDefined())
  // However long that takes.
  hanging.clock.advanceSeconds(5)
  const late = hanging.get('/health')
  await delay(10)
  answer?.({ database: 'ok', redis: 'off' })
  const statuses = (await Promise.all([...answers, late])).map(({ status }) => status)
  expect([new Set(statuses), asked]).toEqual([new Set([200]), 1])
  expect((await hanging.get('/health')).status).toBe(200)
  expect(asked).toBe(1)
  hanging.clock.advanceSeconds(1)
  const next = hanging.get('/health')
  await vi.waitFor(() => expect(asked).toBe(2))
  answer?.({ database: 'ok', redis: 'off' })
  expect((await next).status).toBe(200)
  await hanging.close()
})

test('health has a window of its own, twice a second, whatever key is shown and whatever else was asked', async () => {
  const api = await startTestApi()
  const from = (address: string) => ({ 'x-test-address': address })
  const address = from('192.0.2.5')
  for (let n = 0; n < 101; n++) await api.get('/stats/overview', address)
  expect((await api.get('/stats/overview', address)).status).toBe(429)
  const wrongKey = { ...address, 'x-api-key': 'stoa_wrong' }
  for (let n = 0; n < 1_800; n++) {
    const { status } = await api.get('/health', n % 2 === 0 ? address : wrongKey)
    if (status !== 200) expect([n, status]).toEqual([n, 200])
  }
  const { status, headers } = await api.get('/health', address)
  expect([status, headers['ratelimit-limit']]).toEqual([429, '1800'])
  expect((await api.get('/health', from('192.0.2.6'))).status).toBe(200)
  await api.close()
})
