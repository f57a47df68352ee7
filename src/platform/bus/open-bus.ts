import type { Bus, BusOutcome } from './bus.ts'
import { createMemoryBus } from './memory/memory-bus.ts'
import type { RedisFacts } from './redis/probe-redis.ts'

export interface BusOptions {
  /** `redis://…` or `rediss://…`; empty: this process is alone, and its memory will do. */
  readonly url: string
  /** Stands before every key and channel in Redis. */
  readonly prefix: string
  /** What this process is called in Redis's list of clients. */
  readonly name: string
}

/** A start waits so long for Redis, then goes on without: the bus is degraded until Redis is there. */
const START_WAIT_MS = 2_000

/** Asks a Redis how it is, once; the refusal says why it does not answer. */
export async function askRedis(url: string): Promise<BusOutcome<RedisFacts>> {
  const { probeRedis } = await import('./redis/probe-redis.ts')
  return probeRedis(url)
}

/** Opens the bus. Never fails; whether Redis answers, `status()` says. */
export async function openBus({ url, prefix, name }: BusOptions): Promise<Bus> {
  if (url === '') return createMemoryBus()
  // The client library is only read where it is used.
  const { RedisBus } = await import('./redis/redis-bus.ts')
  const bus = new RedisBus({ url, prefix, name })
  const waited = Promise.withResolvers<void>()
  const timer = setTimeout(waited.resolve, START_WAIT_MS)
  await Promise.race([bus.firstReady, waited.promise])
  clearTimeout(timer)
  return bus
}
