/** The keeper: counts what was delivered, once and in order, and holds the figures. */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { AppError, type Clock } from '../../kernel/index.ts'
import { isTransient } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import { holdsTerm, type LeaderTerm } from '../../platform/leadership/index.ts'
import { RANGES, type Range, SECONDS_PER_HOUR } from '../ranges.ts'
import type { Snapshot } from '../snapshot.ts'
import {
  type BatchRow,
  countMarked,
  markApplied,
  type ReadBatch,
  readBatch,
  removeApplied,
  setAside,
  waitingBatches,
} from './batches.ts'
import { writeCheckpoint } from './checkpoints.ts'
import type { EngineFactory } from './engine.ts'
import { fingerprintsOf, mergeFingerprints } from './fingerprints.ts'
import { PendingChanges } from './pending-changes.ts'
import { type RestoredEngine, restoreEngine, stateKey } from './restore-engine.ts'
import { writeSnapshots } from './snapshots.ts'
import type { Db, Tx } from './tables.ts'
import { type Retention, tidy } from './tidy.ts'
import { writeChanges } from './write-changes.ts'

export interface KeeperSettings extends Retention {
  /** How often snapshots and a checkpoint are written. */
  readonly snapshotSeconds: number
  /** Batches that one transaction counts. */
  readonly maxBatchesAtOnce: number
}

export interface KeeperDeps {
  readonly db: Db
  readonly engine: EngineFactory
  /** Nothing is written when it is not held any more. */
  readonly term: LeaderTerm
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: KeeperSettings
}

/** `behind`: the database fails, and what was counted waits for it. `lost`: the term is over, and nothing is kept any more. */
export type KeeperState = 'keeping' | 'behind' | 'restoring' | 'lost' | 'stopped'

export interface KeeperStats {
  readonly state: KeeperState
  /** The number of the last transaction that is in the tables. */
  readonly applied: bigint
  readonly relays: number
  /** Since it was opened. */
  readonly batches: number
  readonly observations: number
  readonly counted: number
  readonly setAside: number
  readonly restores: number
  readonly checkpoints: number
  /** Tries that came to nothing. */
  readonly failures: number
  /** Of the last transaction, and of the last checkpoint. */
  readonly lastFlushMs: number
  readonly lastCheckpointMs: number
  readonly lastCheckpointBytes: number
}

export interface Keeper {
  /**
   * The figures as they are in the tables; the same object within a second when nothing changed.
   *
   * @throws AppError OBSERVATORY_UNAVAILABLE while they are read back, or when the term is over.
   */
  snapshot(range: Range): Snapshot
  /** Changes whenever the figures do; the same for two keepers with the same figures. */
  version(): string
  /** Calls each time something was counted; whatever it throws is logged. Returns how to stop. */
  onChange(listener: () => void): () => void
  /** There may be a new batch: looks now instead of within `POLL_MS`. */
  look(): void
  stats(): KeeperStats
  /** Ends what is under way, and writes a checkpoint when it can. */
  stop(): Promise<void>
}

/** How long a batch may wait unseen. */
const POLL_MS = 100
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5_000
/** Between looks for relays that no batch is about yet. */
const LOOK_FOR_RELAYS_MS = 5_000
/** After a checkpoint that failed. */
const CHECKPOINT_RETRY_MS = 10_000
/** Of a checkpoint, what is made at once. */
const TURN_MS = 5
/** How long a snapshot of unchanged figures is given again. */
const SNAPSHOT_AGE_SECONDS = 1

/** No time is in it. */
const NO_INTERVAL = -1

/** Counted by the engine, and not in the tables yet. */
interface Pending {
  readonly applied: bigint
  readonly seqs: bigint[]
  readonly changes: PendingChanges
  observations: number
  counted: number
}

/**
 * Reads back the state, and keeps from then on.
 *
 * @throws AppError LEADERSHIP_LOST, OBSERVATORY_STATE_DAMAGED, and what the database says.
 */
export async function openKeeper(deps: KeeperDeps): Promise<Keeper> {
  const keeper = new TableKeeper(deps)
  await keeper.open()
  return keeper
}

class TableKeeper implements Keeper {
  readonly #deps: KeeperDeps
  readonly #listeners = new Set<() => void>()
  readonly #snapshots = new Map<Range, { readonly version: string; readonly snapshot: Snapshot }>()
  /** Asked for while the engine was ahead of the tables: made at the next moment when it is not. */
  readonly #owed = new Set<Range>()
  readonly #stopping = new AbortController()
  #wake = new AbortController()
  #kept: RestoredEngine | undefined
  #pending: Pending | undefined
  #state: KeeperState = 'restoring'
  #applied = 0n
  #checkpoint = 0n
  /** Fewer after a fault, so that the batch that is to blame is found. */
  #atOnce: number
  #interval = 0
  #nextCheckpointMs = 0
  #lookedForRelaysMs = 0
  #running: Promise<void> | undefined
  readonly #figures = {
    batches: 0,
    observations: 0,
    counted: 0,
    setAside: 0,
    restores: 0,
    checkpoints: 0,
    failures: 0,
    lastFlushMs: 0,
    lastCheckpointMs: 0,
    lastCheckpointBytes: 0,
  }

  constructor(deps: KeeperDeps) {
    this.#deps = deps
    this.#atOnce = deps.settings.maxBatchesAtOnce
  }

  async open(): Promise<void> {
    await this.#restore()
    // A program that never lives until the next interval must not have more to count again each time.
    this.#interval = (this.#kept?.replayed ?? 0) > 0 ? NO_INTERVAL : this.#currentInterval()
    this.#running = this.#run()
  }

  snapshot(range: Range): Snapshot {
    const kept = this.#kept
    const nowSeconds = this.#deps.clock.nowSeconds()
    const version = this.version()
    const known = this.#snapshots.get(range)
    // While the engine is ahead of the tables, or read back, what was shown last is shown again.
    const isFit =
      known !== undefined &&
      (kept === undefined ||
        this.#pending !== undefined ||
        (known.version === version && nowSeconds - known.snapshot.atSeconds < SNAPSHOT_AGE_SECONDS))
    if (isFit) {
      if (this.#pending !== undefined) this.#owed.add(range)
      return known.snapshot
    }
    if (kept === undefined)
      throw new AppError('OBSERVATORY_UNAVAILABLE', 'The figures are not here at the moment.')
    const snapshot = kept.engine.snapshot(range, nowSeconds)
    this.#snapshots.set(range, { version, snapshot })
    return snapshot
  }

  /** Under load the engine is ahead whenever somebody asks: without this they would be shown the same for long. */
  #payOwed(): void {
    for (const range of this.#owed) this.snapshot(range)
    this.#owed.clear()
  }

  version(): string {
    const hour = Math.floor(this.#deps.clock.nowSeconds() / SECONDS_PER_HOUR)
    return `${this.#applied}-${this.#kept?.relays.count ?? 0}-${hour}`
  }

  onChange(listener: () => void): () => void {
    // Two of the same function are two.
    const own = () => listener()
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  look(): void {
    this.#wake.abort()
  }

  stats(): KeeperStats {
    return {
      ...this.#figures,
      state: this.#state,
      applied: this.#applied,
      relays: this.#kept?.relays.count ?? 0,
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wake.abort()
    await this.#running
    if (this.#state === 'keeping' && this.#pending === undefined) {
      // With it goes what is shown until the next keeper has read all of that back.
      await this.#writeCheckpoint()
        .then(() => this.#writeSnapshots())
        .catch((err: unknown) => this.#deps.logger.warn({ err }, 'observatory.last_checkpoint_failed'))
    }
    this.#state = 'stopped'
    this.#kept = undefined
    this.#listeners.clear()
    this.#snapshots.clear()
  }

  async #run(): Promise<void> {
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      try {
        const hasMore = await this.#turn()
        if (failures > 0) this.#deps.logger.info({ failures }, 'observatory.going_on')
        failures = 0
        this.#state = 'keeping'
        if (!hasMore) await this.#pause(POLL_MS)
      } catch (error) {
        if (isTermLost(error)) return this.#lose()
        this.#state = this.#kept === undefined ? 'restoring' : 'behind'
        this.#figures.failures++
        const retryMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(16, failures++))
        this.#deps.logger.warn({ err: error, retryMs }, 'observatory.keeping_failed')
        await this.#pause(retryMs)
      }
    }
  }

  /** @returns whether there may be more to do at once. */
  async #turn(): Promise<boolean> {
    if (this.#kept === undefined) await this.#restore()
    if (this.#pending === undefined) await this.#count()
    const pending = this.#pending
    if (pending !== undefined) await this.#flush(pending)
    await this.#writeWhatIsDue()
    return pending !== undefined
  }

  async #restore(): Promise<void> {
    this.#state = 'restoring'
    const { db, engine, clock, logger, term } = this.#deps
    await requireTerm(db, term)
    const kept = await restoreEngine(db, engine, { nowSeconds: clock.nowSeconds(), logger })
    // What was read is of one piece only if nobody else has led meanwhile.
    await requireTerm(db, term)
    this.#kept = kept
    this.#applied = kept.applied
    this.#checkpoint = kept.checkpoint
    this.#snapshots.clear()
    this.#figures.restores++
    this.#state = 'keeping'
  }

  /** The engine counts what waits. Where it fails, what it has counted so far is flushed, and the rest is read again. */
  async #count(): Promise<void> {
    const kept = this.#kept
    if (kept === undefined) return
    await this.#lookForRelays(kept)
    const waiting = await waitingBatches(this.#deps.db, this.#atOnce)
    for (const row of waiting) {
      const batch = await this.#read(kept, row)
      if (batch !== undefined) await this.#countOne(kept, batch)
      if (this.#stopping.signal.aborted) return
    }
  }

  /** Undefined for one that is set aside. */
  async #read(kept: RestoredEngine, row: BatchRow): Promise<ReadBatch | undefined> {
    try {
      const batch = readBatch(row)
      const knowsAll = () => kept.relays.knowsAllOf(batch.observations, batch.reports)
      if (!knowsAll()) await kept.relays.look()
      if (!knowsAll()) throw new RangeError('it is about relays that are not in the table relays')
      return batch
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      await this.#setAside(row.seq, error)
      return undefined
    }
  }

  async #countOne(kept: RestoredEngine, { seq, region, observations, reports }: ReadBatch): Promise<void> {
    const { db } = this.#deps
    const { engine, states } = kept
    for (const day of engine.missingDays(observations))
      engine.addFingerprints(day, await fingerprintsOf(db, day))
    const pending = this.#pending ?? {
      applied: this.#applied + 1n,
      seqs: [],
      changes: new PendingChanges(),
      observations: 0,
      counted: 0,
    }
    try {
      const changes = engine.apply(observations)
      engine.report(reports, region)
      pending.changes.addStatistics(changes)
      pending.counted += changes.counted
    } catch (error) {
      // The engine may have counted half of it: what is right is in the database.
      this.#forget()
      await this.#setAside(seq, error)
      throw error
    }
    for (const report of reports) {
      const key = stateKey(report.relay, region)
      pending.changes.addReport(report, region, states.get(key))
      states.set(key, report.state)
    }
    pending.seqs.push(seq)
    pending.observations += observations.count
    this.#pending = pending
  }

  async #flush(pending: Pending): Promise<void> {
    const startedMs = performance.now()
    try {
      await this.#deps.db.transaction().execute((tx) => this.#writePending(tx, pending))
    } catch (error) {
      if (isTermLost(error) || isTransient(error)) throw error
      // It would fail again. The state is read back, and batches are taken one by one until the one to blame is found.
      this.#forget()
      this.#atOnce = 1
      const [only] = pending.seqs
      if (pending.seqs.length === 1 && only !== undefined) await this.#setAside(only, error)
      throw error
    }
    this.#atOnce = this.#deps.settings.maxBatchesAtOnce
    this.#applied = pending.applied
    this.#pending = undefined
    this.#figures.batches += pending.seqs.length
    this.#figures.observations += pending.observations
    this.#figures.counted += pending.counted
    this.#figures.lastFlushMs = performance.now() - startedMs
    this.#payOwed()
    this.#tell()
  }

  async #writePending(tx: Tx, { applied, seqs, changes }: Pending): Promise<void> {
    await requireTerm(tx, this.#deps.term)
    const marked = await markApplied(tx, seqs, applied)
    // The answer to an earlier attempt was lost, and it was done.
    if (marked === 0 && (await countMarked(tx, seqs, applied)) === seqs.length) return
    if (marked !== seqs.length)
      throw new AppError('INTERNAL', 'Batches were applied by somebody else under our term.', {
        facts: { applied, batches: seqs.length, marked },
      })
    await writeChanges(tx, changes)
  }

  async #writeWhatIsDue(): Promise<void> {
    const interval = this.#currentInterval()
    if (interval === this.#interval || performance.now() < this.#nextCheckpointMs) return
    this.#nextCheckpointMs = performance.now() + CHECKPOINT_RETRY_MS
    await this.#writeCheckpoint()
    await this.#writeSnapshots()
    this.#interval = interval
    this.#nextCheckpointMs = 0
    const { db, settings, clock } = this.#deps
    await tidy(db, settings, clock.nowSeconds())
    await mergeFingerprints(db)
  }

  async #writeCheckpoint(): Promise<void> {
    const { db, term } = this.#deps
    const engine = this.#kept?.engine
    if (engine === undefined) return
    const startedMs = performance.now()
    const [applied, number] = [this.#applied, this.#checkpoint + 1n]
    const checkpoint = (await engine.checkpointInTurns?.(takingTurns())) ?? engine.checkpoint()
    await db.transaction().execute(async (tx) => {
      await requireTerm(tx, term)
      await writeCheckpoint(tx, { number, applied }, checkpoint)
    })
    engine.commitCheckpoint()
    this.#checkpoint = number
    this.#figures.checkpoints++
    this.#figures.lastCheckpointMs = performance.now() - startedMs
    this.#figures.lastCheckpointBytes =
      checkpoint.state.byteLength +
      [...checkpoint.fingerprints.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
    await removeApplied(db, applied)
  }

  async #writeSnapshots(): Promise<void> {
    const { db, term, clock } = this.#deps
    const snapshots = RANGES.map((range) => this.snapshot(range))
    await db.transaction().execute(async (tx) => {
      await requireTerm(tx, term)
      await writeSnapshots(tx, clock.nowSeconds(), snapshots)
    })
  }

  async #setAside(seq: bigint, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error)
    await this.#deps.db.transaction().execute(async (tx) => {
      await requireTerm(tx, this.#deps.term)
      await setAside(tx, seq, reason)
    })
    this.#figures.setAside++
    this.#deps.logger.error({ err: error, seq }, 'observatory.batch_set_aside')
  }

  async #lookForRelays(kept: RestoredEngine): Promise<void> {
    if (performance.now() - this.#lookedForRelaysMs < LOOK_FOR_RELAYS_MS) return
    await kept.relays.look()
    this.#lookedForRelaysMs = performance.now()
  }

  /** The state is read back by the next turn. */
  #forget(): void {
    this.#kept = undefined
    this.#pending = undefined
  }

  #lose(): void {
    this.#deps.logger.warn({ term: this.#deps.term.term }, 'observatory.term_lost')
    this.#forget()
    this.#snapshots.clear()
    this.#state = 'lost'
  }

  #tell(): void {
    for (const listener of this.#listeners) {
      try {
        listener()
      } catch (err) {
        this.#deps.logger.error({ err }, 'observatory.listener_failed')
      }
    }
  }

  #currentInterval(): number {
    return Math.floor(this.#deps.clock.nowSeconds() / this.#deps.settings.snapshotSeconds)
  }

  /** Or until somebody says that there is something to do. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#wake
    await delay(ms, undefined, { signal, ref: false }).catch(() => {})
    if (signal.aborted && !this.#stopping.signal.aborted) this.#wake = new AbortController()
  }
}

/** This thread reads sockets too: whatever takes longer lets them have their turn. */
function takingTurns(): () => Promise<void> | undefined {
  let endMs = performance.now() + TURN_MS
  return () => {
    if (performance.now() < endMs) return undefined
    return nextTurn().then(() => {
      endMs = performance.now() + TURN_MS
    })
  }
}

/** @throws AppError LEADERSHIP_LOST. In a transaction nobody takes the lead until it ends. */
async function requireTerm(db: Db | Tx, term: LeaderTerm): Promise<void> {
  if (await holdsTerm(db, term)) return
  throw new AppError('LEADERSHIP_LOST', 'Another process keeps the statistics by now.', {
    facts: { term: term.term },
  })
}

function isTermLost(error: unknown): boolean {
  return error instanceof AppError && error.code === 'LEADERSHIP_LOST'
}
