import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { FullBody } from './bodies.ts'
import { exampleSnapshot, startTestApi, type TestApi } from './testing/index.ts'

let api: TestApi
beforeEach(async () => {
  api = await startTestApi()
})
afterEach(() => api.close())

describe('all figures in one answer', () => {
  const many = (count: number) => {
    const [first] = exampleSnapshot().relays
    return Array.from({ length: count }, (_, n) => ({ ...first!, url: `wss://r${n}.example`, relay: n }))
  }

  test('have of ten thousand relays the first thousand, and say where the others are', async () => {
    await api.get('/stats/full/24h')
    api.source.change((snapshot) => ({ ...snapshot, relays: many(10_000) }))
    const { json, headers, text } = await api.get('/stats/full/24h')
    const { relays, overview } = json as FullBody
    expect([relays.length, overview.total_relays]).toEqual([1_000, 240])
    expect(relays[0]?.url).toBe('wss://r0.example')
    expect(headers['x-total-count']).toBe('10000')
    expect(headers.link).toContain('</api/v1/stats/full/24h?limit=1000&offset=1000>; rel="next"')
    expect(text.length).toBeLessThan(1_500_000)
  })

  test('can be read to the end, page by page', async () => {
    await api.get('/stats/full/7d')
    api.source.change((snapshot) => ({ ...snapshot, relays: many(2_500) }))
    const urls: string[] = []
    for (let next: string | undefined = '/stats/full/7d?limit=700'; next !== undefined; ) {
      const { json, headers } = await api.get(next)
      urls.push(...(json as FullBody).relays.map(({ url }) => url))
      next = /<\/api\/v1([^>]+)>; rel="next"/.exec(headers.link ?? '')?.[1]
    }
    expect(urls).toEqual(many(2_500).map(({ url }) => url))
  })
})
