/** The event store of the configured engine: the composition root's choice among the adapters. */
import { join, resolve } from 'node:path'
import type { Config } from './config/index.ts'
import type { EventStore } from './events/index.ts'
import { type LogStoreOptions, openLogStore, type StoreNotice } from './events/log/index.ts'
import type { PostgresNotice, PostgresStore } from './events/postgres/index.ts'
import type { LiveBus } from './relay/index.ts'

/** Inside the data folder. */
const EVENTS_FOLDER = 'events'

/** Opens the store in this thread. Throws `STORE_LOCKED`, `STORE_UNAVAILABLE` and their like. */
export async function openStore(
  config: Config,
  notify: (notice: StoreNotice | PostgresNotice) => void,
): Promise<EventStore> {
  if (config.store.engine === 'log') return openLogStore({ ...logStoreOptions(config), notify })
  // Read only where it is used: most have no cluster.
  const { openPostgresStore } = await import('./events/postgres/index.ts')
  return openPostgresStore({ url: config.database.url, maxReaders: config.database.poolSize, notify })
}

export function logStoreOptions({ data, relay, store }: Config): Omit<LogStoreOptions, 'notify' | 'nowMs'> {
  const { segmentBytes, cacheBytes, indexBytes } = store
  const folder = join(resolve(data.dir), EVENTS_FOLDER)
  return { folder, segmentBytes, cacheBytes, indexBytes, search: relay.search }
}

/**
 * The bus of other processes, whose events a shared store is told of before anybody hears of them: who is sent one and
 * asks for it at once must find it.
 */
export function announcedTo(store: EventStore, bus: LiveBus): LiveBus {
  if (!('noteAnnounced' in store)) return bus
  // Only the PostgreSQL engine has that method.
  const { noteAnnounced } = store as PostgresStore
  return {
    publish: (live) => bus.publish(live),
    subscribe: (listener, options) =>
      bus.subscribe((event, json, seq) => {
        noteAnnounced.call(store, seq)
        listener(event, json, seq)
      }, options),
  }
}
