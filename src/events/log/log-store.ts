import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../kernel/index.ts'
import type { Filter } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import type { CountSketch, EventStore, IdSet, PutOutcome, StoreStats, StoreWorkings } from '../store.ts'
import { Appender } from './appender.ts'
import { CommitLog } from './commit-log.ts'
import type { CompactionLimits } from './compaction-plan.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { openCount } from './log-count.ts'
import { openIdSet } from './log-id-set.ts'
import { openSketch } from './log-sketch.ts'
import { Maintenance } from './maintenance.ts'
import { emptyManifest, readManifest, segmentPath } from './manifest.ts'
import type { ScanLimits } from './match-stream.ts'
import { reportDamage, type StoreNotice } from './notices.ts'
import { dropDamaged } from './page-damage.ts'
import { PageCache } from './paged-column.ts'
import { type Recovered, recover } from './recovery.ts'
import { isSealed, type SealedSegment } from './sealed-segment.ts'
import { type LogQuery, openQuery } from './search/open-query.ts'
import { WordIndexes } from './search/word-indexes.ts'
import { WordsKeeper } from './search/words-keeper.ts'
import type { SharedSegment } from './segment-bytes.ts'
import { SEGMENT_HEADER_BYTES } from './segment-file.ts'
import type { SegmentSet } from './segment-set.ts'
import { type SlicedTask, TaskTurns } from './sliced-task.ts'
import { countVanished } from './vanished-events.ts'

export interface LogStoreOptions {
  /** The folder that the store has for itself; made when missing. */
  readonly folder: string
  /** Size of a segment file in bytes. */
  readonly segmentBytes?: number
  /** Memory for the events' bytes, in bytes; what does not fit is read from disk when asked for. */
  readonly cacheBytes?: number
  /** Memory for indexes, in bytes; older segments beyond it are cold: their index is read by page. */
  readonly indexBytes?: number
  readonly compaction?: Partial<CompactionLimits>
  /** Keep an index of words, so that searches (NIP-50) are fast; true unless said otherwise. Without, they read everything. */
  readonly search?: boolean
  readonly maintenance?: 'worker' | 'inline'
  readonly notify?: (notice: StoreNotice) => void
  readonly nowMs?: () => number
}

/** What threads that send events straight from shared memory are told. */
export type SharingMessage =
  | { readonly kind: 'segment'; readonly segment: SharedSegment }
  | { readonly kind: 'retired'; readonly id: number }
  | { readonly kind: 'ids'; readonly filter: SharedArrayBuffer }

const MIB = 1024 * 1024

const DEFAULTS = {
  segmentBytes: 128 * MIB,
  cacheBytes: 512 * MIB,
  indexBytes: 1024 * MIB,
  maintenance: 'worker',
  search: true,
} as const

/** Sealed segments are joined up to so many times the size of one. */
const JOINED_SEGMENTS = 4
/** Positions in a segment have 32 bits, and one read call takes no more than this. */
const MAX_SEGMENT_BYTES = 2 ** 31 - 1
/** Share of `indexBytes` that pages of cold indexes may take. */
const COLD_CACHE_SHARE = 1 / 16
/** Between checks of the cache, so many new segments or turns of `trimCache` may pass. */
const TRIM_INTERVAL_MS = 1_000
const DISK_LOOK_INTERVAL_MS = 1_000
/** A file is written anew for the sake of those who vanished at most so often. */
const VANISHED_AGE_MS = 24 * 60 * 60_000
/** A file comes of that age while nothing happens. */
const ERASURE_LOOK_INTERVAL_MS = 60 * 60_000

/**
 * Opens the event store of a folder, or makes one. Recovers from whatever a crash left, telling `notify`.
 * Throws `STORE_LOCKED` when another process has it, `STORE_WRITE_FAILED` when the folder cannot be written,
 * `STORE_DAMAGED` when a file is beyond repair, and `STORE_UNSUPPORTED_VERSION`.
 */
export async function openLogStore(options: LogStoreOptions): Promise<LogStore> {
  try {
    mkdirSync(options.folder, { recursive: true })
    const lock = lockFolder(options.folder)
    try {
      return new LogStore(options, lock)
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    throw unwritable(options.folder, error) ?? error
  }
}

/** What the system says about a folder that cannot be written, in words that name the folder. */
function unwritable(folder: string, cause: unknown): AppError | undefined {
  if (!(cause instanceof Error) || !UNWRITABLE.has((cause as NodeJS.ErrnoException).code ?? ''))
    return undefined
  const message = `The event store cannot write into ${folder}: ${cause.message}.`
  return new AppError('STORE_WRITE_FAILED', message, { cause, facts: { folder } })
}

const UNWRITABLE: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'ENOTDIR'])

/** Events in append-only segment files with indexes of typed arrays: the embedded engine. */
export class LogStore implements EventStore {
  readonly #folder: string
  readonly #segmentBytes: number
  readonly #cacheBytes: number
  readonly #cache: PageCache
  readonly #turns = new TaskTurns()
  readonly #set: SegmentSet
  readonly #log: CommitLog
  readonly #maintenance: Maintenance
  readonly #lock: FolderLock
  readonly #wordsKeeper: WordsKeeper | undefined
  readonly #trimTimer: NodeJS.Timeout
  readonly #erasureTimer: NodeJS.Timeout
  readonly #listeners = new Set<(message: SharingMessage) => void>()
  /** Turns of `trimCache`. */
  #useClock = 0
  #loadedSinceTrim = 0
  #loadedBytes = 0
  #disk = { atMs: Number.NEGATIVE_INFINITY, bytes: 0 }
  #closed: Promise<void> | undefined

  constructor(options: LogStoreOptions, lock: FolderLock) {
    this.#folder = options.folder
    this.#lock = lock
    this.#segmentBytes = options.segmentBytes ?? DEFAULTS.segmentBytes
    this.#cacheBytes = options.cacheBytes ?? DEFAULTS.cacheBytes
    const indexBytes = options.indexBytes ?? DEFAULTS.indexBytes
    this.#cache = new PageCache(indexBytes * COLD_CACHE_SHARE)
    const notify = options.notify ?? (() => {})
    const nowMs = options.nowMs ?? Date.now
    const manifest = readManifest(options.folder) ?? emptyManifest()
    const damaged: SealedSegment[] = []
    let repair = (segment: SealedSegment): void => {
      damaged.push(segment)
    }
    const common = {
      folder: options.folder,
      cache: this.#cache,
      indexBytes,
      notify,
      watch: {
        onLoaded: (bytes: number) => this.#noteLoaded(bytes),
        onDamaged: (segment: SealedSegment, from: number, to: number) => {
          for (const lost of dropDamaged(segment, from, to)) reportDamage(notify, lost)
          repair(segment)
        },
      },
    }
    const recovered = recover({ ...common, manifest, segmentBytes: this.#segmentBytes })
    this.#set = recovered.set
    this.#maintenance = new Maintenance(manifest, {
      ...common,
      set: recovered.set,
      compaction: {
        maxBytes: Math.min(JOINED_SEGMENTS * this.#segmentBytes, MAX_SEGMENT_BYTES),
        minRemovedShare: 0.3,
        vanishedAgeMs: VANISHED_AGE_MS,
        joinCount: JOINED_SEGMENTS,
        ...options.compaction,
      },
      mode: options.maintenance ?? DEFAULTS.maintenance,
      nowMs,
      lastSeq: () => this.#log?.lastSeq ?? recovered.lastSeq,
      atRest: (work) => this.#log.atRest(work),
      onAdopted: (segment) => this.#tell({ kind: 'segment', segment: segment.bytes.shared }),
      onRetired: (id) => this.#tell({ kind: 'retired', id }),
      search: options.search ?? DEFAULTS.search,
    })
    if (options.search ?? DEFAULTS.search) this.#wordsKeeper = this.#keepWords(notify)
    this.#log = new CommitLog({
      set: recovered.set,
      appender: this.#firstAppender(recovered),
      lastSeq: recovered.lastSeq,
      onVanished: () => this.#maintenance.start(),
      roll: (minBytes) => this.#roll(minBytes),
      onRolledBack: ({ bytes }) => this.#tell({ kind: 'segment', segment: bytes.shared }),
      notify,
      nowMs,
    })
    countVanished(recovered.set)
    recovered.set.onFilterReplaced = ({ shared }) => this.#tell({ kind: 'ids', filter: shared })
    repair = (segment) => this.#maintenance.enqueueRepair(segment)
    for (const segment of damaged) repair(segment)
    for (const segment of recovered.unsealed) this.#maintenance.enqueueSeal(segment)
    this.#maintenance.start()
    this.#trimTimer = setInterval(() => this.trimCache(), TRIM_INTERVAL_MS)
    this.#trimTimer.unref()
    this.#erasureTimer = setInterval(() => this.#maintenance.start(), ERASURE_LOOK_INTERVAL_MS)
    this.#erasureTimer.unref()
  }

  put(batch: readonly Uint8Array[], nowSeconds: number): Promise<readonly PutOutcome[]> {
    this.#assertOpen()
    return this.#log.put(batch, nowSeconds)
  }

  /** An event that is appended but not on disk yet is not "stored": whoever is told so could lose it in a crash. */
  has(id: string): boolean {
    this.#assertOpen()
    const place = this.#set.findStored(Buffer.from(id, 'latin1'))
    return place !== undefined && place.segment.seqOf(place.ordinal) <= this.#log.durableSeq
  }

  query(filters: readonly Filter[], nowSeconds: number, audience?: Audience): LogQuery {
    return openQuery(this.#set, filters, this.#limits(nowSeconds, audience))
  }

  async count(filters: readonly Filter[], nowSeconds: number, audience?: Audience): Promise<number> {
    return this.#turns.finish(this.openCount(filters, nowSeconds, audience))
  }

  async sketch(
    filter: Filter,
    offset: number,
    nowSeconds: number,
    audience?: Audience,
  ): Promise<CountSketch> {
    return this.#turns.finish(this.openSketch(filter, offset, nowSeconds, audience))
  }

  async idSet(
    filter: Filter,
    maxIds: number,
    nowSeconds: number,
    audience?: Audience,
  ): Promise<IdSet | undefined> {
    return this.#turns.finish(this.openIdSet(filter, maxIds, nowSeconds, audience))
  }

  /** A count in slices, for a thread that has others to serve as well. */
  openCount(filters: readonly Filter[], nowSeconds: number, audience?: Audience): SlicedTask<number> {
    return openCount(this.#set, filters, this.#limits(nowSeconds, audience))
  }

  /** `sketch` in slices. */
  openSketch(
    filter: Filter,
    offset: number,
    nowSeconds: number,
    audience?: Audience,
  ): SlicedTask<CountSketch> {
    return openSketch(this.#set, filter, offset, this.#limits(nowSeconds, audience))
  }

  /** `idSet` in slices. */
  openIdSet(
    filter: Filter,
    maxIds: number,
    nowSeconds: number,
    audience?: Audience,
  ): SlicedTask<IdSet | undefined> {
    return openIdSet(this.#set, filter, maxIds, this.#limits(nowSeconds, audience))
  }

  async remove(ids: readonly string[]): Promise<number> {
    this.#assertOpen()
    const count = await this.#log.remove(ids)
    this.#maintenance.start()
    return count
  }

  sweepExpired(nowSeconds: number): Promise<number> {
    this.#assertOpen()
    return this.remove(this.#set.expiredIds(nowSeconds))
  }

  stats(): StoreStats {
    return {
      events: this.#set.eventCount,
      diskBytes: this.#diskBytes(),
      memoryBytes:
        this.#set.memoryBytes +
        (this.#set.words?.memoryBytes ?? 0) +
        this.#cache.memoryBytes +
        this.#residentBytes(),
      lastSeq: this.#log.lastSeq,
      workings: this.#workings(),
    }
  }

  #workings(): StoreWorkings {
    const { waiting, ...written } = this.#log.workings
    return {
      ...written,
      queues: { writes: { entries: waiting }, maintenance: { entries: this.#maintenance.waiting } },
      caches: { 'index-pages': this.#cache.stats },
      pools: {},
      segments: this.#set.segments.length,
      readBytes: this.#loadedBytes,
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** Resolves when no sealing or compaction is due. */
  async settled(): Promise<void> {
    await this.#log.idle()
    await this.#maintenance.idle()
  }

  /** The memory that another thread needs to send events, and everything that changes in it from now on. */
  share(listener: (message: SharingMessage) => void): () => void {
    this.#listeners.add(listener)
    listener({ kind: 'ids', filter: this.#set.idFilter.shared })
    for (const segment of this.#set.segments) listener({ kind: 'segment', segment: segment.bytes.shared })
    return () => this.#listeners.delete(listener)
  }

  /** Could this id be stored? False is sure. @param idPrefix its first four bytes as an unsigned number. */
  mayHave(idPrefix: number): boolean {
    return this.#set.idFilter.mayHave(idPrefix)
  }

  /** Lets the least recently used sealed segments' bytes go until the cache is within its bound. */
  trimCache(): void {
    const sealed = this.#set.segments.filter(isSealed)
    let resident = this.#residentBytes()
    this.#loadedSinceTrim = 0
    this.#useClock++
    for (const segment of sealed) {
      if (segment.bytes.wasUsed) segment.lastUsed = this.#useClock
      segment.bytes.wasUsed = false
    }
    for (const segment of sealed.sort((a, b) => a.lastUsed - b.lastUsed)) {
      if (resident <= this.#cacheBytes) return
      const freed = segment.bytes.residentBytes
      if (freed === 0) continue
      segment.letGo()
      this.#tell({ kind: 'segment', segment: segment.bytes.shared })
      resident -= freed
    }
  }

  /** Between two regular turns of `trimCache` a fast disk could bring in many times the bound. */
  #noteLoaded(bytes: number): void {
    const before = this.#loadedSinceTrim
    const limit = Math.max(this.#cacheBytes / 8, MIB)
    this.#loadedSinceTrim += bytes
    this.#loadedBytes += bytes
    // Not at once: whoever caused this is about to read the bytes.
    if (before < limit && this.#loadedSinceTrim >= limit) setImmediate(() => this.trimCache())
  }

  #keepWords(notify: (notice: StoreNotice) => void): WordsKeeper {
    this.#set.words = new WordIndexes({
      folder: this.#folder,
      set: this.#set,
      cache: this.#cache,
      notify,
      onLacking: (segment) => this.#maintenance.enqueueWords(segment),
    })
    return new WordsKeeper(this.#set.words)
  }

  async #close(): Promise<void> {
    this.#wordsKeeper?.stop()
    clearInterval(this.#trimTimer)
    clearInterval(this.#erasureTimer)
    try {
      await this.#log.idle()
      await this.#maintenance.stop()
    } finally {
      this.#set.words?.close()
      this.#log.appender.close()
      for (const segment of this.#set.segments) {
        if (isSealed(segment)) segment.close()
        else segment.bytes.close()
      }
      this.#lock.release()
    }
  }

  #firstAppender({ last, hasher }: Recovered): Appender {
    if (last !== undefined) return Appender.resume(last.segment, last.end, hasher)
    return this.#createSegment(0)
  }

  #roll(minBytes: number): Appender {
    const full = this.#log.appender
    const next = this.#createSegment(minBytes)
    full.close()
    this.#maintenance.enqueueSeal(full.segment)
    return next
  }

  #createSegment(minBytes: number): Appender {
    const id = this.#maintenance.nextId
    const appender = Appender.create({
      id,
      path: segmentPath(this.#folder, id),
      capacity: Math.max(this.#segmentBytes, minBytes + SEGMENT_HEADER_BYTES + 1024),
      hasher: this.#set.hasher,
    })
    try {
      this.#maintenance.addSegment(id)
    } catch (error) {
      appender.close()
      throw error
    }
    this.#set.segments = [...this.#set.segments, appender.segment]
    this.#tell({ kind: 'segment', segment: appender.bytes.shared })
    return appender
  }

  /** Looked up at most once a second: statistics are asked for more often than files grow noticeably. */
  #diskBytes(): number {
    const nowMs = performance.now()
    if (nowMs - this.#disk.atMs > DISK_LOOK_INTERVAL_MS)
      this.#disk = { atMs: nowMs, bytes: folderBytes(this.#folder) }
    return this.#disk.bytes
  }

  /** What is read from now on shows the store as it is now. */
  #limits(nowSeconds: number, audience: Audience | undefined): ScanLimits {
    this.#assertOpen()
    return { maxSeq: this.#log.lastSeq, nowSeconds, audience }
  }

  #residentBytes(): number {
    return this.#set.segments.reduce((sum, { bytes }) => sum + bytes.residentBytes, 0)
  }

  #tell(message: SharingMessage): void {
    for (const listener of this.#listeners) listener(message)
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw new AppError('STORE_CLOSED', 'The event store is closed.')
  }
}

function folderBytes(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + sizeOf(join(folder, name)), 0)
}

function sizeOf(path: string): number {
  // A file may vanish between the listing and the look: compaction deletes while we count.
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
