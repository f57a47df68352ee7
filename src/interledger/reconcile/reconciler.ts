import { AppError, type Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { ANSWER_HORIZON_MS } from '../books/index.ts'
import type { PacketAnswer, PacketIntent, PacketParty, RecoveryBooks } from '../books.ts'
import type { Link } from '../link.ts'
import { decodePacketList, encodeAcknowledgement, encodeAnswers, type PacketList } from './messages.ts'
import { PeerFates } from './peer-fates.ts'

export interface ReconcilerDeps {
  readonly books: RecoveryBooks
  /** The way to a peer; undefined when there is none, because it is closed or not known any more. */
  readonly linkOf: (peerId: string) => Pick<Link, 'ask' | 'isConnected'> | undefined
  /** What a peer may refuse within a day because it came too late, in its asset. We stand by the rest: it is owed. */
  readonly maxLossPerDay: (peerId: string) => bigint
  /**
   * Told what reconciliation has booked on a peer's account, when it is durable: by so much the peer owes us more. Absent:
   * nobody keeps balances in memory.
   */
  readonly onBooked?: (peerId: string, change: bigint) => void
  readonly clock: Clock
  readonly logger: Logger
}

export interface Reconciler {
  /** Begins with what an earlier run left open. */
  start(): void
  /**
   * A packet left and no answer came. Resolves to its fulfilment when that can still be passed on upstream: then it is to
   * be booked and passed on, whatever time it is by then. Resolves to undefined when it came to nothing, just before
   * `answerByMs` at the latest: that is written down, and upstream may be told. While it cannot be written down it resolves
   * when upstream does not listen any more. Never rejects.
   *
   * @param answerByMs Unix milliseconds; the incoming expiry at the latest.
   */
  lost(intent: PacketIntent, answerByMs?: number): Promise<Buffer | undefined>
  /** A link to the peer is open, for the first time or again. */
  opened(peerId: string): void
  /** Answers what the peer asks by `RECONCILE_PROTOCOL`; undefined when there is nothing to say. Never rejects. */
  answer(peerId: string, data: Buffer): Promise<Buffer | undefined>
  /** Packets whose fate is asked for. */
  readonly unresolved: number
  /** To be called when the links are closed and before the books are: who waits gets undefined, which nobody may hear. */
  stop(): Promise<void>
}

const SWEEP_EVERY_MS = 100
/** Questions of one peer that wait for the one before; the peer asks one at a time. */
const MAX_WAITING = 2

export function createReconciler(deps: ReconcilerDeps): Reconciler {
  return new Reconciling(deps)
}

class Reconciling implements Reconciler {
  readonly #deps: ReconcilerDeps
  readonly #peers = new Map<string, PeerFates>()
  readonly #answering = new Map<string, { waiting: number; last: Promise<unknown> }>()
  #sweepTimer: NodeJS.Timeout | undefined

  constructor(deps: ReconcilerDeps) {
    this.#deps = deps
    for (const intent of deps.books.unresolved)
      this.#fatesOf(peerOf(intent.to)).addUnresolved(intent, intent.isGivenUp)
  }

  get unresolved(): number {
    let sum = 0
    for (const { size } of this.#peers.values()) sum += size
    return sum
  }

  start(): void {
    const { clock } = this.#deps
    this.#sweepTimer = setInterval(() => {
      for (const fates of this.#peers.values()) fates.sweep(clock.nowMs())
    }, SWEEP_EVERY_MS)
    for (const fates of this.#peers.values()) fates.ask()
  }

  lost(intent: PacketIntent, answerByMs = intent.incomingExpiresAtMs): Promise<Buffer | undefined> {
    return this.#fatesOf(peerOf(intent.to)).lost(intent, answerByMs)
  }

  opened(peerId: string): void {
    this.#peers.get(peerId)?.opened()
  }

  async answer(peerId: string, data: Buffer): Promise<Buffer | undefined> {
    const list = decodePacketList(data)
    if (!list.ok) return undefined
    this.#fatesOf(peerId).noteSpeaks()
    const turn = this.#answering.get(peerId) ?? { waiting: 0, last: Promise.resolve() }
    if (turn.waiting >= MAX_WAITING) return undefined
    this.#answering.set(peerId, turn)
    turn.waiting++
    const answered = turn.last.then(() => this.#answerNow(peerId, list.value))
    turn.last = answered
    const answer = await answered
    if (--turn.waiting === 0) this.#answering.delete(peerId)
    return answer
  }

  async #answerNow(peerId: string, { type, packets }: PacketList): Promise<Buffer | undefined> {
    const { books, logger, maxLossPerDay } = this.#deps
    try {
      if (type === 'question') return encodeAnswers(await books.answersFor(peerId, packets))
      const { isSettled, amount } = await books.writeOff(peerId, packets, maxLossPerDay(peerId))
      if (amount > 0n) this.#deps.onBooked?.(peerId, -amount)
      const kept = isSettled.filter((settled) => !settled).length
      logger.warn({ peerId, packets: packets.length, kept }, 'interledger.fulfilments_refused')
      return encodeAcknowledgement(isSettled)
    } catch (err) {
      logger.warn({ err, peerId }, 'interledger.reconcile_failed')
      // Either way the peer asks again; but one that gets no answer takes us for a node that does not know the protocol.
      return type === 'question' ? encodeAnswers(packets.map(stillPending)) : undefined
    }
  }

  #noteBooked({ from, to, incomingAmount, outgoingAmount }: PacketIntent): void {
    if (from.kind === 'peer') this.#deps.onBooked?.(from.peerId, incomingAmount)
    if (to.kind === 'peer') this.#deps.onBooked?.(to.peerId, -outgoingAmount)
  }

  #fatesOf(peerId: string): PeerFates {
    const known = this.#peers.get(peerId)
    if (known !== undefined) return known
    const { books, clock, logger, linkOf } = this.#deps
    const link = () => linkOf(peerId)
    const fates = new PeerFates({
      peerId,
      books,
      link,
      clock,
      logger,
      horizonMs: ANSWER_HORIZON_MS,
      onBooked: (intent) => this.#noteBooked(intent),
    })
    this.#peers.set(peerId, fates)
    return fates
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweepTimer)
    await Promise.all([...this.#peers.values()].map((fates) => fates.stop()))
  }
}

/** True of every packet, whatever becomes known of it later. */
function stillPending(): PacketAnswer {
  return { state: 'pending' }
}

/** Only a packet that was sent to a peer can be lost. */
function peerOf(party: PacketParty): string {
  if (party.kind === 'peer') return party.peerId
  throw new AppError('INTERNAL', 'a packet to an account of ours cannot be lost')
}
