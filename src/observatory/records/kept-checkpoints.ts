import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LeaderTerm } from '../../platform/leadership/index.ts'
import { removeApplied } from './batches.ts'
import { type CheckpointPlace, writeCheckpoint } from './checkpoints.ts'
import type { Engine } from './engine.ts'
import { requireTerm } from './require-term.ts'
import type { Db } from './tables.ts'

/** Of a checkpoint, what is made at once. */
const TURN_MS = 5

/** Which checkpoints a keeper has in the database: the newest that holds, and the one before it while there is one. */
export class KeptCheckpoints {
  #newest: CheckpointPlace | undefined
  /** The largest that a checkpoint ever had: fingerprints bear its number, so none is given twice. */
  #lastNumber = 0n

  restored({
    checkpoint,
    lastCheckpoint,
  }: {
    readonly checkpoint: CheckpointPlace | undefined
    readonly lastCheckpoint: bigint
  }): void {
    this.#newest = checkpoint
    this.#lastNumber = lastCheckpoint
  }

  /**
   * Writes the next one, and removes batches that it and the one before it hold.
   *
   * @param applied the number until which the engine has counted.
   * @returns its bytes.
   * @throws AppError LEADERSHIP_LOST, and what the database says: then the next attempt writes the same one.
   */
  async write(
    { db, term }: { readonly db: Db; readonly term: LeaderTerm },
    engine: Engine,
    applied: bigint,
  ): Promise<number> {
    const place = { number: this.#lastNumber + 1n, applied }
    const before = this.#newest
    const checkpoint = (await engine.checkpointInTurns?.(takingTurns())) ?? engine.checkpoint()
    await db.transaction().execute(async (tx) => {
      await requireTerm(tx, term)
      await writeCheckpoint(tx, place, checkpoint, before)
    })
    engine.commitCheckpoint()
    this.#newest = place
    this.#lastNumber = place.number
    if (before !== undefined) await removeApplied(db, before.applied)
    const fingerprints = [...checkpoint.fingerprints.values()]
    return fingerprints.reduce((sum, { byteLength }) => sum + byteLength, checkpoint.state.byteLength)
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
