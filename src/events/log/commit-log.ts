import { statfsSync } from 'node:fs'
import { AppError, createDurations, noteDuration } from '../../kernel/index.ts'
import { KINDS, type NostrEvent } from '../../nostr/index.ts'
import { decidePut } from '../rules.ts'
import type { PutOutcome } from '../store.ts'
import type { ActiveSegment } from './active-segment.ts'
import type { Appender } from './appender.ts'
import type { StoreNotice } from './notices.ts'
import type { Place, SegmentSet } from './segment-set.ts'
import { createStoredView, LazyEvent, type LogStoredView } from './stored-view.ts'
import { countReached } from './vanished-events.ts'
import { VanishedKeys } from './vanished-keys.ts'

/** After a failed write, writes are refused for so long before the disk is tried again. */
const RETRY_MS = 1_000
/** A retry waits for this much free space, so that a full disk is not tried in vain again and again. */
const RETRY_FREE_BYTES = 4 * 1024 * 1024
/** Ids in one removal record. */
const REMOVALS_PER_RECORD = 4_096

interface Job {
  /** Does the next piece of the work; `full`: no room in the segment. */
  step(appender: Appender): 'done' | 'full'
  /** All that this job decided since the last durable point did not happen. */
  fail(message: string): void
  /** Everything decided is durable. */
  settle(): void
  /** Told when a durable point was passed while the job was half done. */
  checkpoint(): void
}

export interface CommitLogOptions {
  readonly set: SegmentSet
  readonly appender: Appender
  readonly lastSeq: number
  /** Starts a new segment; called only when everything is on disk. */
  readonly roll: (minBytes: number) => Appender
  readonly notify: (notice: StoreNotice) => void
  /** A request to vanish was decided: files hold what is to be erased from them. */
  readonly onVanished: () => void
  /** A write failed; the segment being written lies in other memory now. */
  readonly onRolledBack: (segment: ActiveSegment) => void
  readonly nowMs: () => number
}

/**
 * The single writer: takes jobs in order, decides and appends them in memory, and writes whatever has gathered
 * while the last write was under way as one group. A job is answered when everything up to its end is on disk.
 */
export class CommitLog {
  #appender: Appender
  #lastSeq: number
  #durableSeq: number
  readonly #set: SegmentSet
  readonly #view: LogStoredView
  readonly #vanished: VanishedKeys
  readonly #options: CommitLogOptions
  readonly #inbox: Job[] = []
  /** Jobs that are appended, with the position behind their last record. */
  #appended: { readonly job: Job; readonly end: number }[] = []
  /** The job that is half appended, waiting for a new segment. */
  #current: Job | undefined
  /** What was removed since the last durable point, to take back if the write fails. */
  #removed: { readonly place: Place; readonly end: number }[] = []
  #flushing: Promise<void> | undefined
  /** What waits for a moment when nothing is undecided. */
  readonly #restWork: (() => void)[] = []
  #isPumping = false
  #refusingUntilMs = 0
  #groups = 0
  #groupedEvents = 0
  #failedGroups = 0
  readonly #writing = createDurations()
  #neededBytes = 0

  constructor(options: CommitLogOptions) {
    this.#options = options
    this.#set = options.set
    this.#appender = options.appender
    this.#lastSeq = options.lastSeq
    this.#durableSeq = options.lastSeq
    this.#vanished = new VanishedKeys(options.set)
    this.#view = createStoredView(options.set, this.#vanished)
  }

  get lastSeq(): number {
    return this.#lastSeq
  }

  /** Events up to this sequence number are on disk. */
  get durableSeq(): number {
    return this.#durableSeq
  }

  /** What was written, in groups, and how many calls wait for their place in one or for its being written. */
  get workings() {
    return {
      groups: this.#groups,
      groupedEvents: this.#groupedEvents,
      failedGroups: this.#failedGroups,
      writing: this.#writing,
      waiting: this.#inbox.length + this.#appended.length,
    }
  }

  get appender(): Appender {
    return this.#appender
  }

  put(batch: readonly Uint8Array[], nowSeconds: number): Promise<readonly PutOutcome[]> {
    return new Promise((resolve) => this.#submit(this.#putJob(batch, nowSeconds, resolve)))
  }

  /** Removes events by id; resolves to how many there were. Rejects when the disk does not take it. */
  remove(ids: readonly string[]): Promise<number> {
    return new Promise((resolve, reject) => this.#submit(this.#removeJob(ids, resolve, reject)))
  }

  /**
   * Does `work` at rest: at the next moment when everything that was decided is on disk, or was taken back. What is
   * put meanwhile waits for it.
   */
  atRest<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      // The inner promise is for what `work` throws.
      this.#restWork.push(() => resolve(new Promise((done) => done(work()))))
      this.#pump()
    })
  }

  /** Resolves when nothing waits to be written. */
  async idle(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
  }

  #submit(job: Job): void {
    this.#inbox.push(job)
    this.#pump()
  }

  /** Goes on until there is nothing to do or the disk has to answer first: then `#flushing` is set. */
  #pump(): void {
    // What is done at rest may submit something itself.
    if (this.#isPumping) return
    this.#isPumping = true
    try {
      while (this.#advance()) {}
    } finally {
      this.#isPumping = false
    }
  }

  /** One move; false when there is none. */
  #advance(): boolean {
    const rest = this.#restWork[0]
    if (rest !== undefined) {
      if (!this.#comesToRest()) return false
      this.#restWork.shift()
      rest()
      return true
    }
    if (this.#isRefusing()) {
      this.#refuseAll()
      return false
    }
    const job = this.#current ?? this.#inbox.shift()
    if (job === undefined) {
      this.#startFlush()
      return false
    }
    const isDone = this.#step(job) === 'done'
    this.#current = isDone ? undefined : job
    if (!isDone) return this.#roll(job)
    this.#appended.push({ job, end: this.#appender.position })
    return true
  }

  #step(job: Job): 'done' | 'full' {
    try {
      return job.step(this.#appender)
    } catch (error) {
      job.fail(messageOf(error))
      return 'done'
    }
  }

  /** Moves on to a new segment, once everything is written; false when a write must end first. */
  #roll(job: Job): boolean {
    if (!this.#comesToRest()) return false
    job.checkpoint()
    try {
      this.#appender = this.#options.roll(this.#neededBytes)
    } catch (error) {
      this.#fail(error)
    }
    return true
  }

  /** Writes what is unwritten; true when nothing was, and all that was appended is settled. */
  #comesToRest(): boolean {
    this.#startFlush()
    return this.#flushing === undefined
  }

  #startFlush(): void {
    if (this.#flushing !== undefined) return
    if (!this.#appender.hasUnwritten) {
      this.#settle(this.#appender.position)
      return
    }
    const flushedSeq = this.#lastSeq
    const startedMs = performance.now()
    this.#flushing = this.#appender.flush().then(
      (to) => {
        this.#flushing = undefined
        this.#groups++
        this.#groupedEvents += flushedSeq - this.#durableSeq
        noteDuration(this.#writing, performance.now() - startedMs)
        this.#durableSeq = flushedSeq
        this.#settle(to)
        this.#pump()
      },
      (error: unknown) => {
        this.#flushing = undefined
        this.#fail(error)
        this.#pump()
      },
    )
  }

  #settle(to: number): void {
    let settled = 0
    while (settled < this.#appended.length && this.#appended[settled]!.end <= to) settled++
    const jobs = this.#appended.splice(0, settled)
    this.#removed = this.#removed.filter(({ end }) => end > to)
    this.#vanished.settle(to)
    for (const { job } of jobs) job.settle()
  }

  #fail(error: unknown): void {
    this.#failedGroups++
    const message = messageOf(error)
    for (const { place } of this.#removed) place.segment.restore(place.ordinal)
    this.#removed = []
    this.#vanished.takeBack()
    this.#refusingUntilMs = this.#options.nowMs() + RETRY_MS
    this.#rollBack()
    this.#options.notify({ event: 'store.write_failed', level: 'error', facts: { reason: message } })
    const jobs = this.#appended.map(({ job }) => job)
    if (this.#current !== undefined) jobs.push(this.#current)
    this.#appended = []
    this.#current = undefined
    for (const job of jobs) {
      job.fail(message)
      job.settle()
    }
  }

  #rollBack(): void {
    const before = this.#appender.segment
    try {
      this.#appender.rollBack()
    } catch (error) {
      // What is on disk is unknown now. Only a restart, which reads it, can tell.
      this.#refusingUntilMs = Number.POSITIVE_INFINITY
      const reason = messageOf(error)
      this.#options.notify({ event: 'store.read_only_until_restart', level: 'error', facts: { reason } })
    }
    // What is in memory is right in any case.
    this.#set.replace(before, this.#appender.segment)
    this.#options.onRolledBack(this.#appender.segment)
  }

  /** Is the disk known not to take anything? */
  #isRefusing(): boolean {
    if (this.#refusingUntilMs === 0) return false
    const isDue = this.#options.nowMs() >= this.#refusingUntilMs
    if (!isDue || !hasFreeBytes(this.#appender.bytes.shared.path)) return true
    this.#refusingUntilMs = 0
    return false
  }

  #refuseAll(): void {
    for (const job of this.#inbox.splice(0)) {
      job.fail('the disk does not take writes at the moment')
      job.settle()
    }
  }

  #putJob(
    batch: readonly Uint8Array[],
    nowSeconds: number,
    resolve: (outcomes: readonly PutOutcome[]) => void,
  ): Job {
    const outcomes: PutOutcome[] = []
    let durableOutcomes = 0
    return {
      step: (appender) => {
        while (outcomes.length < batch.length) {
          const outcome = this.#tryPutOne(appender, batch[outcomes.length]!, nowSeconds)
          if (outcome === 'full') return 'full'
          outcomes.push(outcome)
        }
        return 'done'
      },
      checkpoint: () => {
        durableOutcomes = outcomes.length
      },
      fail: (message) => {
        outcomes.length = durableOutcomes
        while (outcomes.length < batch.length) outcomes.push({ status: 'failed', message })
      },
      settle: () => resolve(outcomes),
    }
  }

  /** Deciding reads what is stored, and reading can fail: this event is not stored then, and the log goes on. */
  #tryPutOne(appender: Appender, json: Uint8Array, nowSeconds: number): PutOutcome | 'full' {
    try {
      return this.#putOne(appender, json, nowSeconds)
    } catch (error) {
      return { status: 'failed', message: messageOf(error) }
    }
  }

  #putOne(appender: Appender, json: Uint8Array, nowSeconds: number): PutOutcome | 'full' {
    if (!appender.fits(json.length, 0)) return this.#full(json.length, 0)
    const event: NostrEvent = new LazyEvent(appender.stage(json))
    const decision = decidePut(event, this.#view, nowSeconds)
    if (decision.action === 'refuse') return decision.outcome
    const { removes } = decision
    if (!appender.fits(json.length, removes.length)) return this.#full(json.length, removes.length)
    const isVanish = event.kind === KINDS.VANISH
    if (isVanish) countReached(this.#set, event.pubkey, event.created_at)
    const seq = ++this.#lastSeq
    // Removals first: the new event must not be taken for one of the events that its own record removes.
    this.#noteRemovals(removes, seq, isVanish ? this.#view.reached : undefined)
    const ordinal = appender.append(json, seq, removes)
    this.#set.noteId(appender.segment, ordinal)
    if (isVanish) {
      this.#view.reached.clear()
      this.#vanished.noteStored(event.pubkey, event.created_at, appender.position)
      this.#options.onVanished()
    }
    return { status: 'stored', seq }
  }

  #removeJob(ids: readonly string[], resolve: (count: number) => void, reject: (error: Error) => void): Job {
    let next = 0
    let count = 0
    let failure: string | undefined
    return {
      step: (appender) => {
        while (next < ids.length) {
          const chunk = ids.slice(next, next + REMOVALS_PER_RECORD).filter((id) => this.#view.has(id))
          if (chunk.length > 0) {
            if (!appender.fits(0, chunk.length)) return this.#full(0, chunk.length)
            const seq = this.#lastSeq
            count += this.#noteRemovals(chunk, seq)
            appender.appendRemoval(seq, chunk)
          }
          next += REMOVALS_PER_RECORD
        }
        return 'done'
      },
      checkpoint: () => {},
      fail: (message) => {
        failure = message
      },
      settle: () => {
        if (failure === undefined) resolve(count)
        else reject(new AppError('STORE_WRITE_FAILED', `Nothing was removed: ${failure}.`))
      },
    }
  }

  /** @param places where some of them are, as far as that is known. */
  #noteRemovals(
    ids: readonly string[],
    seq: number,
    places: ReadonlyMap<string, Place> = UNKNOWN_PLACES,
  ): number {
    let count = 0
    for (const id of ids) {
      for (const place of this.#remove(id, seq, places.get(id))) {
        // The record that orders the removal is appended next: it ends behind the present position, wherever exactly.
        const end = this.#appender.position + 1
        this.#removed.push({ place, end })
        if (place.segment.kindOf(place.ordinal) === KINDS.VANISH) this.#vanished.noteRemoved(place, end)
        count++
      }
    }
    return count
  }

  #remove(id: string, seq: number, place: Place | undefined): readonly Place[] {
    if (place === undefined) return this.#set.remove(id, seq)
    return place.segment.remove(place.ordinal) ? [place] : []
  }

  #full(jsonLength: number, removalCount: number): 'full' {
    this.#neededBytes = jsonLength + removalCount * 32
    return 'full'
  }
}

const UNKNOWN_PLACES: ReadonlyMap<string, Place> = new Map()

/** Is it worth trying? Where the system does not say, trying tells. */
function hasFreeBytes(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path)
    return bavail * bsize >= RETRY_FREE_BYTES
  } catch {
    return true
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
