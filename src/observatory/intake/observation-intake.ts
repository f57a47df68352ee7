import type { EventIntake } from '../event-intake.ts'
import type { ObservationBatch } from '../observation-batch.ts'
import type { IntakeStats } from './intake-stats.ts'

/** The other side of the intake, for whoever delivers. */
export interface BatchSource {
  /** Hands over the observations that wait, and begins a new batch. */
  takeBatch(): ObservationBatch
  /** Observations that wait. */
  readonly waitingRows: number
  /** How many may wait before `isFull`. */
  readonly maxRows: number
  /** Calls when that many rows wait, once for each batch. Only one listener; the last one counts. */
  whenRows(rows: number, listener: () => void): void
  /**
   * Resolves when everything that `take` has answered for until now is in a batch; undefined when it is, which is always so
   * without a `SharedSeen`. Cursors that were read before may be delivered with the batch that is taken after it.
   */
  settled(): Promise<void> | undefined
  stats(): IntakeStats
}

export interface ObservationIntake extends EventIntake, BatchSource {}
