/** Document 003's `max_allowed_connections` is a limit on all processes together, kept by each of them. */
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  noServerBecause,
  type PostgresServer,
  startPostgres,
} from '../../src/events/postgres/testing/index.ts'
import { isRedisInstalled, startTestRedis, type TestRedis } from '../../src/platform/bus/testing/index.ts'
import { EventClient } from './event-client.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

if (noServerBecause !== undefined || !isRedisInstalled)
  console.warn(`SKIPPED: the limit on the connections of two relays: ${noServerBecause ?? 'no Redis'}`)

describe.skipIf(noServerBecause !== undefined || !isRedisInstalled)('two relays on one Redis', () => {
  const stage = new Stage()
  let postgres: PostgresServer
  let redis: TestRedis
  let client: Redis
  let relays: readonly StoaProcess[]

  beforeAll(async () => {
    postgres = await startPostgres()
    redis = await startTestRedis()
    client = new Redis(redis.url)
  })
  afterAll(async () => {
    await client.quit()
    await redis.dispose()
    await postgres.stop()
  })

  beforeEach(async () => {
    await client.flushall()
    relays = await Promise.all([start(), start()])
  })
  afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

  const start = () =>
    stage.start({
      threads: 1,
      env: {
        STOA_STORE__ENGINE: 'postgres',
        STOA_DATABASE__URL: postgres.url,
        STOA_REDIS__URL: redis.url,
        STOA_REDIS__PREFIX: '',
        STOA_SIGNER__RELAY_KEY: '1'.repeat(64),
        STOA_SIGNER__INTERLEDGER_SECRET: '2'.repeat(64),
      },
    })

  test('hold a limit together, and whoever comes is let in again when others have left', async () => {
    const [first, second] = [relays[0]!, relays[1]!]
    await client.set('max_allowed_connections', '3')
    const leaving = await EventClient.open(first.url)
    await EventClient.open(first.url)
    await EventClient.open(second.url)
    // Each holds fewer than three, so each would let somebody in if it did not count what the other holds.
    for (const { url } of [first, second]) await vi.waitFor(() => isFull(url), PATIENCE)
    leaving.close()
    await vi.waitFor(() => hasRoom(second.url), PATIENCE)
    // What was held by a process that has died is free when its lease has ended.
    await EventClient.open(second.url)
    await vi.waitFor(() => isFull(second.url), PATIENCE)
    await first.kill()
    await vi.waitFor(() => hasRoom(second.url), PATIENCE)
    await client.set('max_allowed_connections', '0')
    await vi.waitFor(async () => {
      for (let count = 0; count < 5; count++) await EventClient.open(second.url)
    }, PATIENCE)
  })
})

const PATIENCE = { timeout: 20_000, interval: 200 }

async function isFull(url: string): Promise<void> {
  const opened = await EventClient.open(url).catch((error: unknown) => String(error))
  if (typeof opened === 'string') return expect(opened).toContain('503')
  opened.close()
  await opened.ended
  throw new Error(`${url} let one more in.`)
}

async function hasRoom(url: string): Promise<void> {
  const opened = await EventClient.open(url)
  opened.close()
  await opened.ended
}
