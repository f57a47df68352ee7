/** A PostgreSQL and a Redis, both real, for several processes that are one Stoa. */
import {
  noServerBecause,
  type PostgresServer,
  startPostgres,
} from '../../src/events/postgres/testing/index.ts'
import { isRedisInstalled, startTestRedis, type TestRedis } from '../../src/platform/bus/testing/index.ts'
import type { StoaEnvironment } from './stoa-process.ts'

/** Why there are none for tests here; undefined when there are. */
export const noServicesBecause: string | undefined =
  noServerBecause ?? (isRedisInstalled ? undefined : 'redis-server is not installed here')

export interface SharedServices {
  readonly postgres: PostgresServer
  readonly redis: TestRedis
  /** What each of the processes is given. */
  readonly env: StoaEnvironment
  stop(): Promise<void>
}

export async function startSharedServices(): Promise<SharedServices> {
  const postgres = await startPostgres()
  const redis = await startTestRedis()
  return {
    postgres,
    redis,
    env: {
      STOA_STORE__ENGINE: 'postgres',
      STOA_DATABASE__URL: postgres.url,
      STOA_REDIS__URL: redis.url,
      STOA_SIGNER__RELAY_KEY: '1'.repeat(64),
      STOA_SIGNER__INTERLEDGER_SECRET: '2'.repeat(64),
    },
    stop: async () => {
      await redis.dispose()
      await postgres.stop()
    },
  }
}
