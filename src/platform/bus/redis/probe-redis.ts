import { Redis } from 'ioredis'
import { accepted, refused } from '../../../kernel/index.ts'
import { type BusOutcome, OPERATION_TIMEOUT_MS } from '../bus.ts'

/** A Redis server as it says of itself. */
export interface RedisFacts {
  readonly version: string
  /** What it removes when it is full: `noeviction` is nothing. */
  readonly evictionPolicy: string
  /** 0: it has no bound of its own. */
  readonly maxMemoryBytes: number
  readonly usedMemoryBytes: number
}

/**
 * Asks a Redis once, by a connection of its own, and changes nothing. The refusal says why it does not answer or let us
 * in, without the URL, which may hold a password.
 */
export async function probeRedis(url: string): Promise<BusOutcome<RedisFacts>> {
  const client = new Redis(url, {
    lazyConnect: true,
    connectTimeout: OPERATION_TIMEOUT_MS,
    commandTimeout: OPERATION_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  let lastError: unknown
  // What `connect` rejects with says only that it is closed; the reason comes by this event.
  client.on('error', (error) => {
    lastError = error
  })
  try {
    await client.connect()
    const [server, memory] = await Promise.all([client.info('server'), client.info('memory')])
    return accepted({
      version: fieldOf(server, 'redis_version'),
      evictionPolicy: fieldOf(memory, 'maxmemory_policy'),
      maxMemoryBytes: Number(fieldOf(memory, 'maxmemory')),
      usedMemoryBytes: Number(fieldOf(memory, 'used_memory')),
    })
  } catch (cause) {
    const reason = lastError ?? cause
    const text = reason instanceof Error ? reason.message : String(reason)
    return refused({ code: 'BUS_DOWN', text })
  } finally {
    client.disconnect()
  }
}

function fieldOf(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
}
