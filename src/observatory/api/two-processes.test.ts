import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openBus } from '../../platform/bus/index.ts'
import { isRedisInstalled, startTestRedis } from '../../platform/bus/testing/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { RANGES } from '../ranges.ts'
import { encodeSnapshot, latestSnapshot } from '../records/index.ts'
import type { StatisticsSource } from '../snapshot.ts'
import { OPERATIONS } from './operations.ts'
import { exampleSnapshot, GOOD_KEY, startTestApi, type TestApi } from './testing/index.ts'

const PATIENCE = { timeout: 30_000, interval: 20 }

if (!isRedisInstalled) console.warn('skipped: two processes of the API, for there is no redis-server')

/** Two that keep no figures: they read those in the database, and count together over Redis. */
describe.skipIf(!isRedisInstalled)('two processes of the API behind one database', () => {
  const stops: (() => unknown)[] = []
  let database: Database
  let one: TestApi
  let other: TestApi

  beforeAll(async () => {
    database = await testDatabase()
    stops.push(() => database.close())
    await writeFigures(0)
    const redis = await startTestRedis()
    stops.push(() => redis.dispose())
    const start = async (name: string) => {
      const rates = await openBus({ url: redis.url, prefix: 'stoa:', name })
      stops.push(() => rates.close())
      const api = await startTestApi({ rates, source: sourceIn(database) })
      stops.push(() => api.close())
      return api
    }
    one = await start('one')
    other = await start('other')
  })
  afterAll(async () => {
    for (const stop of stops.toReversed()) await stop()
  })

  /** Figures that differ from the last ones by so many events. */
  async function writeFigures(more: number): Promise<void> {
    for (const range of RANGES) {
      const snapshot = exampleSnapshot(range)
      const body = encodeSnapshot({ ...snapshot, events: snapshot.events + more })
      await sql`INSERT INTO statistics_snapshots (range, taken_at, body)
        VALUES (${range}, to_timestamp(${snapshot.atSeconds + more}::float8), ${body}::jsonb)`.execute(
        database.db,
      )
    }
  }

  const paths = OPERATIONS.filter((operation) => operation.is === 'figures').map(({ url }) =>
    url.replace(':range', '7d').replace(/:relay|\*/, encodeURIComponent('wss://relay.quiet-harbor.example')),
  )

  test('give the same answers with the same tags, before the figures change and after', async () => {
    for (const more of [0, 1]) {
      if (more > 0) await writeFigures(more)
      for (const api of [one, other]) api.clock.advanceSeconds(2)
      for (const path of paths) {
        const [here, there] = await Promise.all([one.get(path), other.get(path)])
        expect([path, here.status]).toEqual([path, 200])
        expect([path, there.text, there.headers.etag]).toEqual([path, here.text, here.headers.etag])
        // Whoever has it of one of the two has it of the other.
        const known = await other.get(path, { 'if-none-match': here.headers.etag ?? '' })
        expect([path, known.status]).toEqual([path, 304])
      }
      const { json } = await other.get('/stats/overview')
      expect(json).toMatchObject({ total_events: exampleSnapshot().events + more })
    }
  })

  test.each([
    ['an address', { 'x-test-address': '192.0.2.77' }, 100],
    ['a key', { 'x-api-key': GOOD_KEY }, 1_000],
  ])('let %s ask as often as one of them would', async (_who, headers, limit) => {
    let allowed = 0
    for (let n = 0; n < limit * 1.3; n++) {
      const { status } = await (n % 2 === 0 ? one : other).get('/stats/zaps', headers)
      if (status === 200) allowed++
      // So long a request takes at least when it comes from elsewhere: counts are on their way meanwhile.
      await new Promise(setImmediate)
    }
    expect(allowed).toBeGreaterThanOrEqual(limit)
    // At most so many of each process are not shared yet when the limit is reached.
    expect(allowed).toBeLessThanOrEqual(limit + 40)
    // A second later at the latest both know.
    for (const api of [one, other]) {
      api.clock.advanceSeconds(2)
      await vi.waitFor(async () => expect((await api.get('/stats/zaps', headers)).status).toBe(429), PATIENCE)
    }
  })
})

function sourceIn({ db }: Database): StatisticsSource {
  return {
    snapshot: async (range) => {
      const taken = await latestSnapshot(db, range)
      return taken && { snapshot: taken.snapshot, from: 'database', version: String(taken.takenAtSeconds) }
    },
    onChange: () => () => {},
  }
}
