/** The keeper: counts what was delivered, once and in order, and holds the figures. */
import { setTimeout as delay } from 'node:timers/promises'
import { AppError } from '../../kernel/index.ts'
import { isTransient } from '../../platform/database/index.ts'
import { RANGES, type Range, SECONDS_PER_HOUR } from '../ranges.ts'
import type { Snapshot } from '../snapshot.ts'
import {
  type BatchRow,
  countMarked,
  markApplied,
  type ReadBatch,
  readBatch,
  setAside,
  waitingBatches,
} from './batches.ts'
import { loadMissingDays, mergeFingerprints } from './fingerprints.ts'
import {
  addTooOld,
  dropFingerprints,
  EVERY_DAY,
  nextFirstDay,
  withoutTooOld,
  writeFirstDay,
} from './first-day.ts'
import { foldHours } from './fold-hours.ts'
import { KeptCheckpoints } from './kept-checkpoints.ts'
import type { Keeper, KeeperDeps, KeeperState, KeeperStats } from './kept-figures.ts'
import { PendingChanges } from './pending-changes.ts'
import { isTermLost, requireTerm } from './require-term.ts'
import { isDamage, type RestoredEngine, restoreEngine, stateKey } from './restore-engine.ts'
import { writeSnapshots } from './snapshots.ts'
import type { Tx } from './tables.ts'
import { tidy } from './tidy.ts'
import { writeChanges } from './write-changes.ts'

/** How long a batch may wait unseen. */
const POLL_MS = 100
const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5_000
/** Between looks at a state that cannot be read: only an operator changes that. */
const FIRST_DAMAGE_RETRY_MS = 60_000
const LONGEST_DAMAGE_RETRY_MS = 10 * 60_000
/** Between looks for relays that no batch is about yet. */
const LOOK_FOR_RELAYS_MS = 5_000
/** After a checkpoint that failed. */
const CHECKPOINT_RETRY_MS = 10_000
/** How long a snapshot of unchanged figures is given again. */
const SNAPSHOT_AGE_SECONDS = 1

/** No time is in it. */
const NO_INTERVAL = -1

/** Counted by the engine, and not in the tables yet. */
interface Pending {
  readonly applied: bigint
  readonly seqs: bigint[]
  readonly changes: PendingChanges
  readonly firstDay: number
  observations: number
  counted: number
  tooOld: number
}

/**
 * Reads back the state, and keeps from then on. A state that cannot be read (`damage`) is looked at again every some minutes.
 *
 * @throws AppError LEADERSHIP_LOST, and what the database says.
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
  readonly #checkpoints = new KeptCheckpoints()
  /** The first day that counts, and what the database has as that. */
  #firstDay = EVERY_DAY
  #writtenFirstDay = EVERY_DAY
  /** Fewer after a fault, so that the batch that is to blame is found. */
  #atOnce: number
  #interval = 0
  /** Hours are being folded, a step in each turn. */
  #isFolding = false
  #nextCheckpointMs = 0
  #lookedForRelaysMs = 0
  #running: Promise<void> | undefined
  readonly #figures = {
    batches: 0,
    observations: 0,
    counted: 0,
    tooOld: 0,
    setAside: 0,
    damage: undefined as string | undefined,
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
    await this.#restore().catch((error: unknown) => {
      if (!isDamage(error)) throw error
    })
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
    const snapshot = this.#withTooOld(kept.engine.snapshot(range, nowSeconds))
    this.#snapshots.set(range, { version, snapshot })
    return snapshot
  }

  /** The engine never sees them. */
  #withTooOld(snapshot: Snapshot): Snapshot {
    const coverage = { ...snapshot.coverage, tooOld: this.#figures.tooOld }
    return { ...snapshot, coverage }
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
        await this.#pauseAfter(error, failures++)
      }
    }
  }

  async #pauseAfter(error: unknown, failures: number): Promise<void> {
    const isDamaged = isDamage(error)
    const [first, longest] = isDamaged
      ? [FIRST_DAMAGE_RETRY_MS, LONGEST_DAMAGE_RETRY_MS]
      : [FIRST_RETRY_MS, LONGEST_RETRY_MS]
    const retryMs = Math.min(longest, first * 2 ** Math.min(16, failures))
    this.#deps.logger[isDamaged ? 'error' : 'warn']({ err: error, retryMs }, 'observatory.keeping_failed')
    if (!isDamaged) return this.#pause(retryMs)
    // New deliveries change nothing about it.
    await delay(retryMs, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {})
  }

  /** @returns whether there may be more to do at once. */
  async #turn(): Promise<boolean> {
    if (this.#kept === undefined) await this.#restore()
    if (this.#pending === undefined) await this.#count()
    const pending = this.#pending
    if (pending !== undefined) await this.#flush(pending)
    await this.#writeWhatIsDue()
    if (this.#isFolding) await this.#foldSome()
    return pending !== undefined || this.#isFolding
  }

  async #restore(): Promise<void> {
    this.#state = 'restoring'
    const { db, engine, clock, logger, term } = this.#deps
    await requireTerm(db, term)
    const kept = await restoreEngine(db, engine, { nowSeconds: clock.nowSeconds(), logger, term }).catch(
      (error: unknown) => {
        if (isDamage(error)) this.#figures.damage = error.message
        throw error
      },
    )
    // What was read is of one piece only if nobody else has led meanwhile.
    await requireTerm(db, term)
    this.#kept = kept
    this.#applied = kept.applied
    this.#checkpoints.restored(kept)
    this.#firstDay = kept.firstDay
    this.#writtenFirstDay = kept.firstDay
    this.#figures.tooOld = kept.tooOld
    this.#figures.damage = undefined
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
    const { engine, states } = kept
    const pending = this.#pending ?? {
      applied: this.#applied + 1n,
      seqs: [],
      changes: new PendingChanges(),
      firstDay: this.#firstDay,
      observations: 0,
      counted: 0,
      tooOld: 0,
    }
    const { batch, tooOld } = withoutTooOld(observations, pending.firstDay)
    await loadMissingDays(this.#deps.db, engine, batch)
    try {
      const changes = engine.apply(batch)
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
    pending.tooOld += tooOld
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
    this.#figures.tooOld += pending.tooOld
    this.#writtenFirstDay = pending.firstDay
    this.#figures.lastFlushMs = performance.now() - startedMs
    this.#payOwed()
    this.#tell()
  }

  async #writePending(tx: Tx, { applied, seqs, changes, firstDay, tooOld }: Pending): Promise<void> {
    await requireTerm(tx, this.#deps.term)
    const marked = await markApplied(tx, seqs, applied)
    // The answer to an earlier attempt was lost, and it was done.
    if (marked === 0 && (await countMarked(tx, seqs, applied)) === seqs.length) return
    if (marked !== seqs.length)
      throw new AppError('INTERNAL', 'Batches were applied by somebody else under our term.', {
        facts: { applied, batches: seqs.length, marked },
      })
    await writeChanges(tx, changes)
    await addTooOld(tx, tooOld)
    if (firstDay !== this.#writtenFirstDay) await writeFirstDay(tx, { applied, day: firstDay })
  }

  async #writeWhatIsDue(): Promise<void> {
    const interval = this.#currentInterval()
    if (interval === this.#interval || performance.now() < this.#nextCheckpointMs) return
    this.#nextCheckpointMs = performance.now() + CHECKPOINT_RETRY_MS
    await this.#writeCheckpoint()
    await this.#writeSnapshots()
    this.#interval = interval
    this.#nextCheckpointMs = 0
    await this.#tidy()
  }

  /** A transaction is under no way here, so the next one may have another first day. */
  async #tidy(): Promise<void> {
    const { db, settings, clock } = this.#deps
    const nowSeconds = clock.nowSeconds()
    await tidy(db, settings, nowSeconds)
    await mergeFingerprints(db)
    this.#firstDay = await nextFirstDay(db, this.#firstDay, {
      keptDays: settings.keepFingerprintsDays,
      nowSeconds,
    })
    await dropFingerprints(db)
    this.#isFolding = settings.keepHoursDays !== undefined
  }

  /** Deliveries are not to wait for all of it. */
  async #foldSome(): Promise<void> {
    const { db, term, settings, clock } = this.#deps
    this.#isFolding = !(await foldHours(db, term, {
      keepHoursDays: settings.keepHoursDays,
      nowSeconds: clock.nowSeconds(),
      maxSteps: 1,
    }))
  }

  async #writeCheckpoint(): Promise<void> {
    const engine = this.#kept?.engine
    if (engine === undefined) return
    const startedMs = performance.now()
    this.#figures.lastCheckpointBytes = await this.#checkpoints.write(this.#deps, engine, this.#applied)
    this.#figures.checkpoints++
    this.#figures.lastCheckpointMs = performance.now() - startedMs
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
