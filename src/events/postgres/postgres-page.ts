import type { EventPage } from '../store.ts'

/** Events that were read from the database. */
export class PostgresPage implements EventPage {
  readonly done: boolean
  readonly snapshotSeq: number
  readonly #events: readonly Buffer[]

  constructor(events: readonly Buffer[], { done, snapshotSeq }: Pick<EventPage, 'done' | 'snapshotSeq'>) {
    this.#events = events
    this.done = done
    this.snapshotSeq = snapshotSeq
  }

  get count(): number {
    return this.#events.length
  }

  byteLengthAt(index: number): number {
    return this.viewAt(index).length
  }

  viewAt(index: number): Buffer {
    const bytes = this.#events[index]
    if (bytes === undefined) throw new RangeError(`page holds ${this.count} events, asked for index ${index}`)
    return bytes
  }

  copyAt(index: number, target: Buffer, at: number): number {
    return this.viewAt(index).copy(target, at)
  }
}
