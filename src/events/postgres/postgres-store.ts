import type { Pool } from 'pg'
import { AppError } from '../../kernel/index.ts'
import type { Filter } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import { hasSearchText } from '../search/index.ts'
import type {
  CountSketch,
  EventCursor,
  EventStore,
  IdSet,
  PutOutcome,
  StoreStats,
  StoreWorkings,
} from '../store.ts'
import { borrowConnections, type Connections, openConnections, poolStats, rowsOf } from './connections.ts'
import { readEventRow } from './event-row.ts'
import { GroupWriter } from './group-writer.ts'
import { KnownIds } from './known-ids.ts'
import { countMatches, idSetOf, sketchMatches } from './match-query.ts'
import { migrate } from './migrate.ts'
import type { PostgresNotice } from './notices.ts'
import { type CursorDeps, PostgresCursor } from './postgres-cursor.ts'
import { Reader, unavailable } from './reader.ts'
import { REMOVALS_PER_TRANSACTION, removeTask, sweepTask } from './removal.ts'
import { SearchCursor } from './search-cursor.ts'
import { Progress } from './snapshot.ts'
import { numberIn } from './statement.ts'
import { type Tables, tablesIn } from './tables.ts'
import { STATE_COLUMNS, type StoreState, stateIn } from './transaction.ts'

export interface PostgresStoreOptions {
  /** `postgres://user@host/database`. Either this or `pool`. */
  readonly url?: string
  /** A pool of the caller, who sets its timeouts and closes it. */
  readonly pool?: Pool
  /** The schema that the store has for itself; made when missing. All processes of a relay name the same. */
  readonly schema?: string
  /** Connections for reading; there is one more for writing. Not for a pool of the caller. */
  readonly maxReaders?: number
  /** A question that takes longer is given up. Not for a pool of the caller. */
  readonly readTimeoutMs?: number
  readonly notify?: (notice: PostgresNotice) => void
}

const DEFAULTS = { schema: 'events', maxReaders: 8, readTimeoutMs: 10_000 } as const

/** How often the statistics are looked up, for what other processes have done. */
const REFRESH_INTERVAL_MS = 5_000
/** A writer that was silent for so long is gone. */
const WRITER_EXPIRY = '1 day'

/**
 * Opens the event store in a PostgreSQL database, or makes one. Any number of processes may have it open. Throws
 * `STORE_UNAVAILABLE` when the database does not answer, and `STORE_UNSUPPORTED_VERSION` when a newer version of the
 * program has been there.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const connections = connect(options)
  const tables = tablesIn(options.schema ?? DEFAULTS.schema)
  try {
    await migrate(connections.write, tables)
    const sizes = await readSizes(connections.read, tables)
    return new PostgresStore(connections, tables, sizes, options.notify ?? (() => {}))
  } catch (error) {
    await connections.close()
    throw error instanceof AppError ? error : unavailable(error)
  }
}

function connect({ url, pool, maxReaders, readTimeoutMs }: PostgresStoreOptions): Connections {
  if (pool !== undefined) return borrowConnections(pool)
  if (url === undefined) throw new AppError('INTERNAL', 'The PostgreSQL event store needs a url or a pool.')
  return openConnections({
    url,
    maxReaders: maxReaders ?? DEFAULTS.maxReaders,
    readTimeoutMs: readTimeoutMs ?? DEFAULTS.readTimeoutMs,
  })
}

/** How much there is, as the database says. */
interface Sizes extends StoreState {
  readonly diskBytes: number
}

async function readSizes(pool: Pool, tables: Tables): Promise<Sizes> {
  const bytes = [tables.event, tables.tag].map((table) => `pg_total_relation_size('${table}'::regclass)`)
  const text = `select ${STATE_COLUMNS.join()}, ${bytes.join(' + ')} from ${tables.state}`
  const [row = []] = await rowsOf(pool, { text, values: [] })
  return { ...stateIn(row), diskBytes: numberIn(row, STATE_COLUMNS.length) }
}

/** Events in PostgreSQL tables: the engine for a relay of several processes. */
export class PostgresStore implements EventStore {
  readonly #connections: Connections
  readonly #tables: Tables
  readonly #reader: Reader
  readonly #writer: GroupWriter
  readonly #knownIds: KnownIds
  readonly #progress: Progress
  readonly #refreshTimer: NodeJS.Timeout
  #diskBytes: number
  #closed: Promise<void> | undefined

  constructor(
    connections: Connections,
    tables: Tables,
    sizes: Sizes,
    notify: (notice: PostgresNotice) => void,
  ) {
    this.#connections = connections
    this.#tables = tables
    this.#diskBytes = sizes.diskBytes
    this.#progress = new Progress(sizes)
    this.#reader = new Reader(connections.read)
    this.#knownIds = new KnownIds(this.#reader, tables)
    this.#writer = new GroupWriter({
      pool: connections.write,
      tables,
      notify,
      onCommitted: (state, firstNewSeq) => this.#progress.committed(state, firstNewSeq),
    })
    this.#refreshTimer = setInterval(() => void this.refresh(), REFRESH_INTERVAL_MS)
    this.#refreshTimer.unref()
  }

  async put(batch: readonly Uint8Array[], nowSeconds: number): Promise<readonly PutOutcome[]> {
    this.#assertOpen()
    if (batch.length === 0) return []
    return this.#writer.put({ rows: batch.map(readEventRow), nowSeconds })
  }

  async has(id: string): Promise<boolean> {
    this.#assertOpen()
    return this.#knownIds.has(id)
  }

  query(filters: readonly Filter[], nowSeconds: number, audience?: Audience): EventCursor {
    this.#assertOpen()
    const deps: CursorDeps = {
      reader: this.#reader,
      tables: this.#tables,
      observe: (state) => this.#progress.observe(state),
    }
    const question = { filters, nowSeconds, audience, moment: this.#progress.now() }
    const searches = filters.filter(hasSearchText)
    if (searches.length === 0) return new PostgresCursor(deps, question)
    return new SearchCursor(deps, question, {
      searches,
      plain: filters.filter((filter) => !hasSearchText(filter)),
    })
  }

  async count(filters: readonly Filter[], nowSeconds: number, audience?: Audience): Promise<number> {
    this.#assertOpen()
    return countMatches(this.#reader, filters, { tables: this.#tables, nowSeconds, audience })
  }

  async sketch(
    filter: Filter,
    offset: number,
    nowSeconds: number,
    audience?: Audience,
  ): Promise<CountSketch> {
    this.#assertOpen()
    return sketchMatches(this.#reader, filter, offset, { tables: this.#tables, nowSeconds, audience })
  }

  async idSet(
    filter: Filter,
    maxIds: number,
    nowSeconds: number,
    audience?: Audience,
  ): Promise<IdSet | undefined> {
    this.#assertOpen()
    return idSetOf(this.#reader, filter, maxIds, { tables: this.#tables, nowSeconds, audience })
  }

  async remove(ids: readonly string[]): Promise<number> {
    this.#assertOpen()
    let removed = 0
    for (let from = 0; from < ids.length; from += REMOVALS_PER_TRANSACTION) {
      const some = ids.slice(from, from + REMOVALS_PER_TRANSACTION)
      removed += await this.#writer.change(removeTask(this.#tables, some))
    }
    return removed
  }

  async sweepExpired(nowSeconds: number): Promise<number> {
    this.#assertOpen()
    for (let swept = 0; ; ) {
      const some = await this.#writer.change(sweepTask(this.#tables, nowSeconds))
      swept += some
      if (some < REMOVALS_PER_TRANSACTION) return swept
    }
  }

  /** What this process has done is counted at once, what others have done within seconds. */
  stats(): StoreStats {
    const { lastSeq, events } = this.#progress
    return { events, diskBytes: this.#diskBytes, memoryBytes: 0, lastSeq, workings: this.#workings() }
  }

  #workings(): StoreWorkings {
    const { queue, ...written } = this.#writer.workings
    const { read, write } = this.#connections
    return {
      ...written,
      queues: { writes: queue, 'known-ids': { entries: this.#knownIds.waiting } },
      caches: {},
      pools: { 'events-read': poolStats(read), 'events-write': poolStats(write) },
      segments: 0,
      readBytes: 0,
    }
  }

  /** Another process has said that it stored an event: from now on it belongs to every answer. */
  noteAnnounced(seq: number): void {
    this.#progress.announced(seq)
  }

  /** Looks up how far other processes have come. A database that does not answer changes nothing. */
  async refresh(): Promise<void> {
    try {
      const sizes = await readSizes(this.#connections.read, this.#tables)
      this.#progress.observe(sizes)
      this.#diskBytes = sizes.diskBytes
    } catch {
      // Whoever reads or writes hears of it by the answer.
    }
  }

  /** Finishes what waits to be written. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    clearInterval(this.#refreshTimer)
    await this.#writer.idle()
    await this.#forgetWriters()
    await this.#connections.close()
  }

  /** Notes of writers that need them no more: of this one, and of those that did not come to this point. */
  async #forgetWriters(): Promise<void> {
    const text = `delete from ${this.#tables.writer} where id = $1 or seen_at < now() - interval '${WRITER_EXPIRY}'`
    await rowsOf(this.#connections.write, { text, values: [this.#writer.id] }).catch(() => {})
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw new AppError('STORE_CLOSED', 'The event store is closed.')
  }
}
