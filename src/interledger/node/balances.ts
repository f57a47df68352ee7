import type { Logger } from '../../platform/index.ts'
import type { RecoveryBooks } from '../books.ts'
import type { PeerBook } from '../connector/index.ts'

export interface BalancesDeps {
  readonly book: PeerBook
  /** What the ledger says that the peer owes us. */
  readonly read: (peerId: string) => Promise<bigint>
  readonly logger: Logger
}

const AGAIN_MS = 200

/** Brings balances that are kept in memory to what the ledger says, after somebody else than the connector has booked. */
export class Balances {
  readonly #deps: BalancesDeps
  readonly #due = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #working: Promise<void> = Promise.resolve()
  #isStopped = false

  constructor(deps: BalancesDeps) {
    this.#deps = deps
  }

  /** Now; false when packets of the peer are being booked. */
  refresh(peerId: string): Promise<boolean> {
    const { book, read } = this.#deps
    return book.refreshBalance(peerId, () => read(peerId))
  }

  /** As soon as no packet of the peer is being booked. */
  refreshSoon(peerId: string): void {
    this.#due.add(peerId)
    if (this.#isStopped) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#working = this.#refreshDue()
    }, AGAIN_MS)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#working
  }

  async #refreshDue(): Promise<void> {
    const due = [...this.#due]
    this.#due.clear()
    for (const peerId of due) {
      try {
        if (!(await this.refresh(peerId))) this.refreshSoon(peerId)
      } catch (err) {
        this.#deps.logger.warn({ err, peerId }, 'interledger.balance_not_read')
        this.refreshSoon(peerId)
      }
    }
  }
}

/** Books as reconciliation uses them: whose balance they change is told. */
export function refreshing(books: RecoveryBooks, onBooked: (peerId: string) => void): RecoveryBooks {
  return {
    unresolved: books.unresolved,
    intend: (intent) => books.intend(intent),
    fulfil: async (intent, fulfillment) => {
      await books.fulfil(intent, fulfillment)
      for (const party of [intent.from, intent.to]) if (party.kind === 'peer') onBooked(party.peerId)
    },
    reject: (id, to) => books.reject(id, to),
    giveUp: (id, to) => books.giveUp(id, to),
    forget: (id, to) => books.forget(id, to),
    answersFor: (peerId, questions) => books.answersFor(peerId, questions),
    writeOff: async (peerId, questions, maxPerDay) => {
      const settled = await books.writeOff(peerId, questions, maxPerDay)
      onBooked(peerId)
      return settled
    },
    close: () => books.close(),
  }
}
