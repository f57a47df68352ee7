/** What a keeper needs, offers, and says of itself. */
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { LeaderTerm } from '../../platform/leadership/index.ts'
import type { Range } from '../ranges.ts'
import type { Snapshot } from '../snapshot.ts'
import type { EngineFactory } from './engine.ts'
import type { Db } from './tables.ts'
import type { Retention } from './tidy.ts'

export interface KeeperSettings extends Retention {
  /** How often snapshots and a checkpoint are written. */
  readonly snapshotSeconds: number
  /** Batches that one transaction counts. */
  readonly maxBatchesAtOnce: number
  /** Days of events whose fingerprints are kept, see `first-day.ts`; without it for ever. */
  readonly keepFingerprintsDays?: number | undefined
  /** Days that keep their hours, see `fold-hours.ts`; without it for ever. */
  readonly keepHoursDays?: number | undefined
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
  /** Observations that are in no figure, since their day's fingerprints may be gone. Of all time. */
  readonly tooOld: number
  readonly setAside: number
  /** Why the state cannot be read back, until an operator does something about it (README). */
  readonly damage: string | undefined
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
