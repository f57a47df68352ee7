import { rmSync, statSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { ActiveSegment } from './active-segment.ts'
import { type CompactionLimits, planCompaction, type SegmentWeight } from './compaction-plan.ts'
import { type MaintenanceResult, type MaintenanceTask, runMaintenance } from './maintenance-tasks.ts'
import {
  indexPath,
  type Manifest,
  readManifest,
  removedPath,
  segmentPath,
  syncFolder,
  writeManifest,
} from './manifest.ts'
import { type DamagedRange, reportDamage, type StoreNotice } from './notices.ts'
import type { PageCache } from './paged-column.ts'
import { writeRemoved } from './removed-file.ts'
import { coolDown, loadSealed } from './sealed-loader.ts'
import { isSealed, type SealedSegment, type SegmentWatch } from './sealed-segment.ts'
import { hasWordsOf } from './search/sealed-words.ts'
import { wordsPath } from './search/word-file.ts'
import { idOf, type Segment } from './segment.ts'
import { SegmentSet } from './segment-set.ts'

/** Files of compacted segments are kept for so long, for threads that still read a page from them. */
const RETIRE_MS = 10_000
/** What failed is tried again after so long, and after twice as long each time up to the maximum. */
const FIRST_RETRY_MS = 1_000
const MAX_RETRY_MS = 10 * 60_000

export interface MaintenanceOptions {
  readonly folder: string
  readonly set: SegmentSet
  readonly cache: PageCache
  readonly indexBytes: number
  readonly compaction: CompactionLimits
  /** `worker`: in a thread of its own. `inline`: at once, for tests that want every step in order. */
  readonly mode: 'worker' | 'inline'
  readonly watch: SegmentWatch
  readonly notify: (notice: StoreNotice) => void
  readonly lastSeq: () => number
  readonly nowMs: () => number
  /** Does something at a moment when nothing is decided that is not on disk as well. */
  readonly atRest: <T>(work: () => T) => Promise<T>
  readonly onAdopted: (segment: SealedSegment) => void
  readonly onRetired: (id: number) => void
  /** Are words kept for searches? */
  readonly search: boolean
}

/** A task with what to do before, at rest, and after it. */
interface Work {
  readonly task: MaintenanceTask
  /** Takes the result over, at rest. When it throws, nothing has changed. */
  readonly finish: (result: MaintenanceResult) => void
}

/**
 * Keeps the log in shape, one task at a time: writes the index files of full segments, joins and rewrites
 * segments, and keeps the manifest. The slow part runs on files that nobody writes any more; its result is taken
 * over in one step, at rest: a removal that is decided but not yet durable must not reach any file but the log, since
 * it can still be taken back.
 */
export class Maintenance {
  #manifest: Manifest
  readonly #options: MaintenanceOptions
  readonly #unsealed: ActiveSegment[] = []
  readonly #damaged: SealedSegment[] = []
  /** Segments whose words are known to be on disk, or cannot be built. */
  readonly #worded = new WeakSet<SealedSegment>()
  readonly #retiring = new Map<NodeJS.Timeout, () => void>()
  #running: Promise<void> | undefined
  /** Something may have become due since the last look. */
  #isDue = false
  #isStopped = false
  #retryMs = FIRST_RETRY_MS
  #retry: NodeJS.Timeout | undefined

  constructor(manifest: Manifest, options: MaintenanceOptions) {
    this.#manifest = manifest
    this.#options = options
  }

  /** Segments that wait to be sealed or repaired. */
  get waiting(): number {
    return this.#unsealed.length + this.#damaged.length
  }

  /** The id that the next segment gets. */
  get nextId(): number {
    return this.#manifest.nextId
  }

  /** Makes a new segment, whose file is there already, part of the store. Durable when this returns. */
  addSegment(id: number): void {
    const segments = [...this.#manifest.segments, { id, sealed: false }]
    this.#write({ ...this.#manifest, segments, nextId: id + 1 })
  }

  /** A segment is full: its index file can be written. */
  enqueueSeal(segment: ActiveSegment): void {
    this.#unsealed.push(segment)
    this.start()
  }

  /** A segment has lost some bytes: its index is to be written anew from what is left. */
  enqueueRepair(segment: SealedSegment): void {
    if (this.#damaged.includes(segment)) return
    this.#damaged.push(segment)
    this.start()
  }

  /** The words of a segment are missing or cannot be used: they are to be built. */
  enqueueWords(segment: SealedSegment): void {
    this.#worded.delete(segment)
    this.start()
  }

  /** Looks for something to do, unless something is being done. Never throws. */
  start(): void {
    this.#isDue = true
    if (this.#running !== undefined || this.#retry !== undefined || this.#isStopped) return
    this.#running = this.#work()
      .catch((error: unknown) => this.#postpone(error))
      .finally(() => {
        this.#running = undefined
        if (this.#isDue) this.start()
      })
  }

  /** Resolves when nothing is left to do, or what is left has to wait for a better time. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  /** Waits for the task under way and starts no other. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#retry)
    await this.#running
    for (const [timer, finish] of this.#retiring) {
      clearTimeout(timer)
      finish()
    }
    this.#retiring.clear()
    this.#attempt(() => this.#writeRemovedStates())
  }

  async #work(): Promise<void> {
    const { atRest } = this.#options
    while (this.#isDue && !this.#isStopped) {
      this.#isDue = false
      const work = await atRest(() => this.#next())
      if (work === undefined) continue
      this.#isDue = true
      await this.#perform(work)
      this.#retryMs = FIRST_RETRY_MS
      // Inline, a store with much to do would never come to its timers and sockets.
      await nextTurn()
    }
  }

  async #perform({ task, finish }: Work): Promise<void> {
    const { atRest, mode } = this.#options
    try {
      const result = mode === 'inline' ? runMaintenance(task) : await runInWorker(task)
      await atRest(() => finish(result))
    } catch (error) {
      this.#attempt(() => this.#removeOutput(task))
      throw error
    }
  }

  #next(): Work | undefined {
    const { folder, set, compaction, search } = this.#options
    const { seed } = this.#manifest
    const full = this.#unsealed[0]
    if (full !== undefined) {
      return {
        task: { kind: 'seal', folder, seed, id: full.id, search },
        finish: (result) => this.#finishSeal(full, result),
      }
    }
    // One that was compacted meanwhile has left behind what was damaged.
    while (this.#damaged[0] !== undefined && !set.segments.includes(this.#damaged[0])) this.#damaged.shift()
    const damaged = this.#damaged[0]
    if (damaged !== undefined) {
      return {
        task: { kind: 'seal', folder, seed, id: damaged.id, search },
        finish: () => this.#finishRepair(damaged),
      }
    }
    const ids = planCompaction(
      this.#sealed().map((segment) => this.#weightOf(segment)),
      compaction,
    )
    if (ids.length > 0) return this.#compaction(this.#sealed().filter(({ id }) => ids.includes(id)))
    const wordless = search ? this.#sealed().findLast((segment) => !this.#hasWords(segment)) : undefined
    if (wordless === undefined) return undefined
    return {
      task: { kind: 'words', folder, seed, id: wordless.id },
      finish: (result) => this.#finishWords(wordless, result),
    }
  }

  #compaction(inputs: readonly SealedSegment[]): Work {
    const { folder, set, search } = this.#options
    const { seed, nextId: outputId } = this.#manifest
    // The file is not part of the store until it is finished; a crash leaves it to be cleared away.
    this.#manifest = { ...this.#manifest, nextId: outputId + 1 }
    const vanishedBefore = vanishedIn(inputs)
    const others = set.segments.filter((segment) => !inputs.some((input) => input === segment))
    const task: MaintenanceTask = {
      kind: 'compact',
      folder,
      seed,
      outputId,
      inputs: inputs.map((input) => ({
        id: input.id,
        removedRecords: removedRecordsOf(input),
        neededRemovals: neededRemovals(input, others),
      })),
      search,
    }
    const finish = (result: MaintenanceResult): void => {
      const output = this.#finishCompaction(inputs, outputId, result)
      // What has vanished since the task was made is in the new file as well.
      output.vanishedCount = vanishedIn(inputs) - vanishedBefore
    }
    return { task, finish }
  }

  #finishSeal(full: ActiveSegment, { damaged }: MaintenanceResult): void {
    const sealed = this.#load(full.id, full)
    this.#orClose(sealed, () => {
      // The bytes are in memory already; the cache decides when to let them go.
      sealed.adoptBytes(full.bytes)
      copyRemovals(full, sealed)
      sealed.vanishedCount = full.vanishedCount
      const segments = this.#manifest.segments.map((entry) =>
        entry.id === full.id ? { ...entry, sealed: true } : entry,
      )
      this.#write({ ...this.#manifest, segments })
    })
    this.#unsealed.shift()
    this.#options.set.replace(full, sealed)
    this.#report(damaged)
    this.#adopted(sealed)
    this.#options.notify({
      event: 'store.segment_sealed',
      level: 'info',
      facts: { segment: full.id, events: full.count, removed: full.removedCount },
    })
  }

  #finishRepair(damaged: SealedSegment): void {
    const { set } = this.#options
    const repaired = this.#load(damaged.id, damaged)
    this.#orClose(repaired, () => copyRemovals(damaged, repaired))
    repaired.vanishedCount = damaged.vanishedCount
    this.#damaged.shift()
    set.replace(damaged, repaired)
    this.#adopted(repaired)
    this.#retire(() => damaged.close())
  }

  #finishWords(segment: SealedSegment, { damaged }: MaintenanceResult): void {
    this.#worded.add(segment)
    this.#options.set.words?.noteBuilt(segment)
    // Not every event that the index has could be read: it has to forget them first.
    if (damaged.length > 0) this.enqueueRepair(segment)
  }

  /** Looked up once for each segment, until somebody finds the file damaged. */
  #hasWords(segment: SealedSegment): boolean {
    const isThere =
      this.#worded.has(segment) ||
      hasWordsOf(wordsPath(this.#options.folder, segment.id), segment.header.checksum)
    if (isThere) this.#worded.add(segment)
    return isThere
  }

  #finishCompaction(
    inputs: readonly SealedSegment[],
    outputId: number,
    result: MaintenanceResult,
  ): SealedSegment {
    const { set, notify, onRetired } = this.#options
    const first = set.segments.indexOf(inputs[0]!)
    const retired = new Set(inputs.map(({ id }) => id))
    const output = this.#load(outputId, inputs.at(-1)!)
    this.#orClose(output, () => {
      for (const input of inputs) copyRemovals(input, output)
      const segments = this.#manifest.segments.flatMap((entry) => {
        if (entry.id === inputs[0]!.id) return [{ id: outputId, sealed: true }]
        return retired.has(entry.id) ? [] : [entry]
      })
      this.#write({ ...this.#manifest, segments })
    })
    this.#report(result.damaged)
    set.segments = set.segments.flatMap((segment, index) => {
      if (index === first) return [output]
      return inputs.some((input) => input === segment) ? [] : [segment]
    })
    this.#adopted(output)
    for (const input of inputs) {
      onRetired(input.id)
      this.#retire(() => {
        input.close()
        this.#deleteFiles(input.id)
      })
    }
    notify({
      event: 'store.compacted',
      level: 'info',
      facts: { segments: [...retired].join(','), into: outputId, events: result.events },
    })
    return output
  }

  /** What every segment that has just become part of the store needs. */
  #adopted(segment: SealedSegment): void {
    this.#options.onAdopted(segment)
    this.#coolDown()
    this.#attempt(() => this.#writeRemovedStates())
  }

  /** Opens a sealed segment that will take the place of `successorOf`. */
  #load(id: number, successorOf: Segment): SealedSegment {
    const { folder, cache, indexBytes, set, watch } = this.#options
    const newer = set.segments.slice(set.segments.indexOf(successorOf) + 1)
    const used = newer.reduce((sum, segment) => sum + segment.memoryBytes, 0)
    const temperature = used + statSync(indexPath(folder, id)).size <= indexBytes ? 'hot' : 'cold'
    return loadSealed({ folder, id, temperature, cache, watch }).segment
  }

  /** Keeps the newest indexes in memory as far as the bound allows; the others are read by page from now on. */
  #coolDown(): void {
    const { folder, cache, indexBytes, set } = this.#options
    let left = indexBytes
    for (const segment of set.segments.toReversed()) {
      const isTooMuch = segment.memoryBytes > left
      if (isTooMuch && isSealed(segment) && segment.isHot) coolDown(segment, folder, cache)
      left -= segment.memoryBytes
    }
  }

  /** Records which events of sealed segments are removed, so that a start need not find out. */
  #writeRemovedStates(): void {
    const throughSeq = this.#options.lastSeq()
    for (const segment of this.#sealed()) {
      const { removed, header } = segment
      if (removed.count === segment.recordedRemovals) continue
      const path = removedPath(this.#options.folder, segment.id)
      writeRemoved(path, { removed, indexChecksum: header.checksum, throughSeq })
      segment.recordedRemovals = removed.count
    }
  }

  #retire(finish: () => void): void {
    const attempt = () => this.#attempt(finish)
    const timer = setTimeout(() => {
      this.#retiring.delete(timer)
      attempt()
    }, RETIRE_MS)
    timer.unref()
    this.#retiring.set(timer, attempt)
  }

  /** Clears away what a task that failed has written, above all when the disk is full. */
  #removeOutput(task: MaintenanceTask): void {
    const { folder } = this.#options
    if (task.kind !== 'compact') {
      rmSync(`${indexPath(folder, task.id)}.tmp`, { force: true })
      rmSync(`${wordsPath(folder, task.id)}.tmp`, { force: true })
      return
    }
    // A manifest that was written, but not surely, may name the output: then it has to stay.
    if (readManifest(folder)?.segments.some(({ id }) => id === task.outputId)) return
    this.#deleteFiles(task.outputId)
    rmSync(`${indexPath(folder, task.outputId)}.tmp`, { force: true })
    rmSync(`${wordsPath(folder, task.outputId)}.tmp`, { force: true })
  }

  #deleteFiles(id: number): void {
    const { folder } = this.#options
    const paths = [
      segmentPath(folder, id),
      indexPath(folder, id),
      removedPath(folder, id),
      wordsPath(folder, id),
    ]
    for (const path of paths) {
      rmSync(path, { force: true })
    }
  }

  #weightOf({ id, header, count, removedCount, vanishedCount }: SealedSegment): SegmentWeight {
    const path = segmentPath(this.#options.folder, id)
    // Asked of the file only where it matters.
    const ageMs = vanishedCount === 0 ? 0 : this.#options.nowMs() - statSync(path).mtimeMs
    return {
      id,
      bytes: header.segmentBytes,
      events: count,
      removed: removedCount,
      vanished: vanishedCount,
      ageMs,
    }
  }

  #sealed(): SealedSegment[] {
    return this.#options.set.segments.filter(isSealed)
  }

  #write(manifest: Manifest): void {
    const next = { ...manifest, lastSeq: this.#options.lastSeq() }
    syncFolder(this.#options.folder)
    writeManifest(this.#options.folder, next)
    this.#manifest = next
  }

  #orClose(segment: SealedSegment, work: () => void): void {
    try {
      work()
    } catch (error) {
      segment.close()
      throw error
    }
  }

  #attempt(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.#reportFailure(error, {})
    }
  }

  /** Maintenance that fails (a full disk, say) costs space and speed, never events: it waits for a better time. */
  #postpone(error: unknown): void {
    this.#reportFailure(error, { retryInMs: this.#retryMs })
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.start()
    }, this.#retryMs)
    this.#retry.unref()
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS)
  }

  #report(damaged: readonly DamagedRange[]): void {
    for (const damage of damaged) reportDamage(this.#options.notify, damage)
  }

  #reportFailure(error: unknown, facts: StoreNotice['facts']): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.notify({
      event: 'store.maintenance_failed',
      level: 'error',
      facts: { reason, ...facts, meaning: 'events are safe; sealing and compaction have to wait' },
    })
  }
}

function runInWorker(task: MaintenanceTask): Promise<MaintenanceResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./maintenance-worker.ts', import.meta.url), { workerData: task })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the maintenance thread ended with code ${code}`)))
  })
}

/** Takes over what was removed from `from` while `to` was being made of it. */
function copyRemovals(from: Segment, to: SealedSegment): void {
  for (let ordinal = 0; ordinal < from.count; ordinal++) {
    if (!from.isRemoved(ordinal)) continue
    const seq = from.seqOf(ordinal)
    for (const copy of to.ordinalsOf(Buffer.from(idOf(from, ordinal), 'latin1'), 0)) {
      if (to.seqOf(copy) === seq) to.remove(copy)
    }
  }
}

function removedRecordsOf(segment: SealedSegment): Uint32Array {
  const starts: number[] = []
  for (let ordinal = 0; ordinal < segment.count; ordinal++) {
    if (segment.isRemoved(ordinal)) starts.push(segment.recordStartOf(ordinal))
  }
  return Uint32Array.from(starts)
}

/**
 * Removals stay on record as long as a record of their target is anywhere else: should that segment forget what
 * it knows, the removal must be told again. Targets among the inputs themselves are dropped with them.
 */
function neededRemovals(input: SealedSegment, others: readonly Segment[]): string[] {
  const needed: string[] = []
  for (const { id } of input.removals()) if (SegmentSet.holdsRecord(others, id)) needed.push(id)
  return needed
}

function vanishedIn(segments: readonly SealedSegment[]): number {
  return segments.reduce((sum, { vanishedCount }) => sum + vanishedCount, 0)
}
