/** What the keeper needs of the statistics; `src/observatory/statistics/` is it. It does no I/O. */
import type { Checkpoint, StatisticsChanges } from '../changes.ts'
import type { ObservationBatch } from '../observation-batch.ts'
import type { Range } from '../ranges.ts'
import type { RelayReport } from '../relay-report.ts'
import type { Snapshot } from '../snapshot.ts'

export interface Engine {
  /** Once for each relay, before anything that it shows. */
  knowRelay(known: { readonly relay: number; readonly url: string }): void
  /** Days whose fingerprints are in the database and not here, and which this batch is about. */
  missingDays(batch: ObservationBatch): readonly number[]
  /** All that the database has of a day. */
  addFingerprints(day: number, parts: readonly Uint8Array[]): void
  apply(batch: ObservationBatch): StatisticsChanges
  report(reports: readonly RelayReport[], region: string): void
  snapshot(range: Range, nowSeconds: number): Snapshot
  checkpoint(): Checkpoint
  /** The same, giving way to others between its pieces; absent where there is nothing to divide. Nothing is counted meanwhile. */
  checkpointInTurns?(giveWay: () => Promise<void> | undefined): Promise<Checkpoint>
  /** The last checkpoint is in the database. */
  commitCheckpoint(): void
}

export interface EngineFactory {
  create(): Engine
  /** @param knownDays days whose fingerprints are in the database. */
  restore(state: Uint8Array, knownDays: readonly number[]): Engine
}
