import type { StoreState } from './transaction.ts'

/** What a cursor remembers of the moment when it was opened. */
export interface Moment {
  /**
   * The highest `seq` that may be part of the answer; undefined while this process has stored nothing since, and the
   * cursor may take whatever is there when it first reads.
   */
  maxSeq(): number | undefined
}

interface Epoch {
  /** The lowest `seq` that this process stored after it, less one. */
  ceiling: number | undefined
}

/**
 * How far the store has come, as far as this process knows. Other processes write as well, so a cursor takes its
 * snapshot when it first reads: a client that was told of an event by one process then finds it through another. What
 * this process itself stores after a cursor was opened, the cursor leaves out.
 */
export class Progress {
  #state: StoreState
  #announcedSeq = 0
  #epoch: Epoch = { ceiling: undefined }

  constructor(state: StoreState) {
    this.#state = state
  }

  get lastSeq(): number {
    return Math.max(this.#state.lastSeq, this.#announcedSeq)
  }

  get events(): number {
    return this.#state.events
  }

  /** Takes a state from the database; one that is older than what is known already is passed over. */
  observe(state: StoreState): void {
    if (state.changes >= this.#state.changes) this.#state = state
  }

  /** This process has committed a change. */
  committed(state: StoreState, firstNewSeq: number | undefined): void {
    this.observe(state)
    if (firstNewSeq === undefined) return
    this.#epoch.ceiling = firstNewSeq - 1
    this.#epoch = { ceiling: undefined }
  }

  /** Another process has said that it stored an event. */
  announced(seq: number): void {
    this.#announcedSeq = Math.max(this.#announcedSeq, seq)
  }

  now(): Moment {
    const epoch = this.#epoch
    const { lastSeq } = this
    // What was known at the moment is part of the answer, whoever stored it.
    return { maxSeq: () => (epoch.ceiling === undefined ? undefined : Math.max(epoch.ceiling, lastSeq)) }
  }
}
