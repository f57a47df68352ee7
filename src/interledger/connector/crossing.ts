/** What happens to a packet whose way is planned: it leaves or is decided about here, is booked, and is answered. */
import { AppError, type Clock } from '../../kernel/index.ts'
import type { PacketBooks, PacketIntent } from '../books.ts'
import { isFulfilledBy } from '../is-fulfilled-by.ts'
import type { LinkAnswer } from '../link.ts'
import type { LocalDecision, LocalReceiver } from '../local-receiver.ts'
import type { IlpFulfill, IlpReply } from '../packet/index.ts'
import { MAX_EXPIRY_AHEAD_MS, MUTE_MS } from '../packet-times.ts'
import type { HeldAnswers } from './held-answers.ts'
import type { LivePeer } from './live-peer.ts'
import type { Notices } from './notices.ts'
import type { Arrival, Departure, DepartureToPeer } from './passage.ts'
import type { Reconciler } from './ports.ts'
import { type PacketRefusal, passOn, REFUSALS, rejectOf } from './refusals.ts'
import type { Traffic } from './traffic.ts'

/** Whose fate the books do not know is not answered for so long at most; one that began here may expire at any time. */
const MAX_HELD_MS = MAX_EXPIRY_AHEAD_MS + MUTE_MS
const NO_DATA = Buffer.alloc(0)

export interface CrossingDeps {
  readonly books: PacketBooks
  readonly reconciler: Reconciler
  readonly clock: Clock
  readonly traffic: Traffic
  readonly held: HeldAnswers
  readonly notices: Notices
  readonly ownAddress: () => string | undefined
}

/** A packet between its two sides. */
interface Crossing {
  readonly arrival: Arrival
  /** Undefined when it ends here. */
  readonly next: LivePeer | undefined
  readonly intent: PacketIntent
}

type CrossingToPeer = Crossing & { readonly next: LivePeer }

/** `written`: the Fulfill may go. `ended`: it was too late, and counts nowhere. `unknown`: nobody may be told anything. */
type Booking = 'written' | 'ended' | 'unknown'

export class Crossings {
  readonly #deps: CrossingDeps

  constructor(deps: CrossingDeps) {
    this.#deps = deps
  }

  refuse(refusal: PacketRefusal): IlpReply {
    return rejectOf(refusal, this.#address())
  }

  async toPeer(arrival: Arrival, next: LivePeer, departure: DepartureToPeer): Promise<IlpReply> {
    const { traffic } = this.#deps
    const { link, prepare, encoded, intent } = departure
    const { incomingAmount: incoming, outgoingAmount: outgoing } = intent
    const held = { peer: arrival.peer, next, incoming, outgoing }
    traffic.begin(held)
    try {
      const notSent = await this.#intend(next, intent)
      if (notSent !== undefined) return this.refuse(notSent)
      traffic.noteSent(next)
      const answer = await link.send(prepare, encoded)
      return await this.#takeAnswer({ arrival, next, intent }, answer)
    } finally {
      traffic.end(held)
    }
  }

  async toReceiver(arrival: Arrival, receiver: LocalReceiver, departure: Departure): Promise<IlpReply> {
    const { traffic } = this.#deps
    const held = { peer: arrival.peer, next: undefined, incoming: arrival.prepare.amount, outgoing: 0n }
    traffic.begin(held)
    try {
      return await this.#decideAndBook(arrival, receiver, departure)
    } finally {
      traffic.end(held)
    }
  }

  async #decideAndBook(
    arrival: Arrival,
    receiver: LocalReceiver,
    { prepare, intent: planned }: Departure,
  ): Promise<IlpReply> {
    const decision = receiver.decide(prepare)
    if (!decision.isAccepted) return decision.reply
    const { creditTo, fulfillment } = decision
    if (creditTo.asset !== receiver.asset || !isFulfilledBy(prepare, fulfillment)) {
      const facts = { segment: receiver.segment, account: creditTo.path, asset: creditTo.asset }
      this.#deps.notices.tell({ event: 'interledger.receiver_fault', level: 'error', facts })
      decision.notBooked()
      return this.refuse(REFUSALS.internal)
    }
    const intent: PacketIntent = { ...planned, to: { kind: 'account', account: creditTo } }
    const booking = await this.#book({ arrival, next: undefined, intent }, fulfillment)
    if (booking === 'written') return this.#answerOfReceiver(receiver, decision)
    const reply = await this.#answerUnbooked(arrival, booking)
    decision.notBooked()
    return reply
  }

  #answerOfReceiver(
    { segment }: LocalReceiver,
    decision: Extract<LocalDecision, { isAccepted: true }>,
  ): IlpFulfill {
    try {
      return decision.booked()
    } catch (error) {
      // It is booked: whatever went wrong here, the sender has paid and gets the proof.
      const facts = { segment, message: messageOf(error) }
      this.#deps.notices.tell({ event: 'interledger.receiver_fault', level: 'error', facts })
      return { type: 'fulfill', fulfillment: decision.fulfillment, data: NO_DATA }
    }
  }

  /** Writes down that the packet leaves; undefined when it may. */
  async #intend(next: LivePeer, intent: PacketIntent): Promise<PacketRefusal | undefined> {
    const { books, clock } = this.#deps
    // There is nothing to owe for a packet without money.
    if (!carriesMoney(intent)) return undefined
    try {
      await books.intend(intent)
    } catch (error) {
      next.breaker.withdraw()
      return this.#refusalOfBooks(intent, error)
    }
    if (clock.nowMs() < intent.outgoingExpiresAtMs) return undefined
    // The books were so slow that the next hop would refuse it.
    next.breaker.withdraw()
    books.reject(intent.id, intent.to)
    return REFUSALS.expired
  }

  #refusalOfBooks(intent: PacketIntent, error: unknown): PacketRefusal {
    const code = codeOf(error)
    if (code === 'ILP_PACKET_REPEATED') return REFUSALS.replayed
    if (code === 'ILP_PACKET_ENDED') return REFUSALS.timedOut
    this.#deps.notices.tell({
      event: 'interledger.intent_failed',
      level: 'error',
      facts: factsOf(intent, error),
    })
    return code === 'ILP_BOOKS_BUSY' ? REFUSALS.booksBusy : REFUSALS.notWritten
  }

  #takeAnswer(crossing: CrossingToPeer, answer: LinkAnswer): Promise<IlpReply> | IlpReply {
    const { next, intent } = crossing
    const { clock, traffic } = this.#deps
    const nowMs = clock.nowMs()
    if (answer.type === 'lost') return this.#seekLost(crossing)
    if (answer.type === 'unsent') {
      next.breaker.fail(nowMs)
      return this.#drop(intent, REFUSALS.notSent)
    }
    if (answer.type === 'reject') {
      next.breaker.succeed(nowMs)
      this.#forget(intent)
      return passOn(answer, this.#address())
    }
    if (!isFulfilledBy(intent, answer.fulfillment)) {
      next.breaker.succeed(nowMs)
      traffic.note(next, 'wrong')
      return this.#drop(intent, REFUSALS.wrongFulfillment)
    }
    if (nowMs >= intent.outgoingExpiresAtMs) {
      traffic.note(next, 'late')
      return this.#seekLost(crossing)
    }
    next.breaker.succeed(nowMs)
    return this.#bookAndAnswer(crossing, answer)
  }

  /**
   * No answer in time, which does not say that the packet was not fulfilled: the reconciler asks the peer. A Fulfill that
   * came too late is treated so too, since one of us alone cannot decide that it counts, nor that it does not.
   */
  async #seekLost(crossing: CrossingToPeer): Promise<IlpReply> {
    const { arrival, next, intent } = crossing
    const { clock, traffic, reconciler } = this.#deps
    next.breaker.fail(clock.nowMs())
    traffic.note(next, 'lost')
    if (!carriesMoney(intent)) return this.refuse(REFUSALS.timedOut)
    const fulfillment = await reconciler.lost(intent, arrival.expiresAtMs)
    if (fulfillment === undefined) return this.refuse(REFUSALS.timedOut)
    // What the receiver said beside the fulfilment is lost.
    return this.#bookAndAnswer(crossing, { type: 'fulfill', fulfillment, data: NO_DATA })
  }

  async #bookAndAnswer(crossing: Crossing, answer: IlpFulfill): Promise<IlpReply> {
    const booking = await this.#book(crossing, answer.fulfillment)
    return booking === 'written' ? answer : this.#answerUnbooked(crossing.arrival, booking)
  }

  /** Posts what is owed: nobody may see the Fulfill before. */
  async #book({ arrival, next, intent }: Crossing, fulfillment: Buffer): Promise<Booking> {
    if (!carriesMoney(intent)) return 'written'
    arrival.peer?.beginBooking()
    next?.beginBooking()
    const booking = await this.#post(intent, fulfillment)
    const isWritten = booking === 'written'
    arrival.peer?.endBooking(isWritten ? intent.incomingAmount : 0n)
    next?.endBooking(isWritten ? -intent.outgoingAmount : 0n)
    return booking
  }

  async #post(intent: PacketIntent, fulfillment: Buffer): Promise<Booking> {
    try {
      await this.#deps.books.fulfil(intent, fulfillment)
      return 'written'
    } catch (error) {
      if (codeOf(error) === 'ILP_PACKET_ENDED') return 'ended'
      const facts = factsOf(intent, error)
      this.#deps.notices.tell({ event: 'interledger.booking_failed', level: 'error', facts })
      return 'unknown'
    }
  }

  /**
   * Whether an unknown one was written only the journal will tell. A Reject would be a word that cannot be taken back: so
   * there is none until the packet is expired by whatever clock, and whoever sent it asks what became of it.
   */
  async #answerUnbooked({ prepare }: Arrival, booking: Booking): Promise<IlpReply> {
    const { held, clock } = this.#deps
    if (booking === 'unknown')
      await held.until(Math.min(prepare.expiresAtMs + MUTE_MS, clock.nowMs() + MAX_HELD_MS))
    return this.refuse(REFUSALS.timedOut)
  }

  #drop(intent: PacketIntent, refusal: PacketRefusal): IlpReply {
    this.#forget(intent)
    return this.refuse(refusal)
  }

  #forget(intent: PacketIntent): void {
    if (carriesMoney(intent)) this.#deps.books.reject(intent.id, intent.to)
  }

  #address(): string {
    return this.#deps.ownAddress() ?? ''
  }
}

function carriesMoney({ incomingAmount }: PacketIntent): boolean {
  return incomingAmount > 0n
}

function factsOf({ id, from }: PacketIntent, error: unknown): Record<string, string> {
  const source = from.kind === 'peer' ? from.peerId : from.account.path
  return { packetId: id, from: source, message: messageOf(error) }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof AppError ? error.code : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
