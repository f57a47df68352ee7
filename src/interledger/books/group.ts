import { Netting } from './bookings.ts'
import { JournalWriter, MAX_PARTIES } from './journal-codec.ts'

/** Of one row of the journal; a group that has more takes nothing any more. */
const MAX_BYTES = 512 * 1024
/** An entry names two parties at most. */
const PARTIES_OF_ENTRY = 2

/** What is committed together: a row of the journal, its postings, and whoever waits for it. */
export class Group {
  /** Of this run; none twice. */
  readonly number: number
  readonly journal = new JournalWriter()
  readonly netting = new Netting()
  /** For all who wait: thousands of packets share it. */
  readonly committed: Promise<void>
  /** The row's, when it is committed. */
  seq: bigint | undefined
  #entries = 0
  readonly #effects: (() => void)[] = []
  #settle: { readonly resolve: () => void; readonly reject: (error: unknown) => void }

  constructor(number: number) {
    this.number = number
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.committed = promise
    this.#settle = { resolve, reject }
    // Nobody may be waiting: for packets that were rejected nobody does.
    promise.catch(() => {})
  }

  get entries(): number {
    return this.#entries
  }

  get isFull(): boolean {
    return this.journal.byteLength >= MAX_BYTES || this.journal.parties > MAX_PARTIES - PARTIES_OF_ENTRY
  }

  /** An entry was written into the journal; `effect` is what follows from its being committed, before anybody hears of it. */
  wrote(effect?: () => void): void {
    this.#entries++
    if (effect !== undefined) this.#effects.push(effect)
  }

  succeed(seq: bigint): void {
    this.seq = seq
    for (const effect of this.#effects) effect()
    this.#settle.resolve()
  }

  fail(error: unknown): void {
    this.#settle.reject(error)
  }
}
