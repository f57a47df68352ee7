import type { Clock, Durations } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import type { PacketBooks, PacketIntent } from '../books.ts'
import { isFulfilledBy } from '../is-fulfilled-by.ts'
import type { LocalReceiver } from '../local-receiver.ts'
import { type IlpPrepare, type IlpReply, isInPrefix } from '../packet/index.ts'
import { refusePacket } from './admission.ts'
import { Crossings } from './crossing.ts'
import { HeldAnswers } from './held-answers.ts'
import type { LivePeer, PacketCounts } from './live-peer.ts'
import { Notices } from './notices.ts'
import { packetIdOf } from './packet-id.ts'
import { type Arrival, planToPeer, planToReceiver } from './passage.ts'
import type { PeerBook } from './peer-book.ts'
import type { ConnectorNotice, PeerProtocol, Rates, Reconciler, Routes } from './ports.ts'
import { type PacketRefusal, REFUSALS } from './refusals.ts'
import { ReplayMemory } from './replay-memory.ts'
import { Traffic } from './traffic.ts'

/** Longer than this nobody waits for an answer, whatever the packet says. */
export const DEFAULT_MAX_HOLD_MS = 30_000
/** Packets of all peers that may be under way. */
export const DEFAULT_MAX_IN_FLIGHT = 20_000

export interface ConnectorDeps {
  /** Our ILP address; undefined while we wait for a parent to give us one. */
  readonly ownAddress: () => string | undefined
  readonly peers: PeerBook
  readonly routes: Routes
  /** There is no route to this destination now; may there be one in a moment? Default: no. */
  readonly isRouteExpected?: (destination: string) => boolean
  /** As they are now: asked for each packet. */
  readonly rates: () => Rates
  readonly books: PacketBooks
  /** Intents of an earlier run: these packets are not let through again before they are forgotten. */
  readonly unresolved: readonly PacketIntent[]
  readonly reconciler: Reconciler
  readonly receivers: readonly LocalReceiver[]
  /** By whole address: `peer.config`. What is not in it cannot be reached. */
  readonly peerProtocols: ReadonlyMap<string, PeerProtocol>
  readonly clock: Clock
  readonly notify: (notice: ConnectorNotice) => void
  /** The same that `peers` was made with. */
  readonly maxHoldMs?: number
  readonly maxInFlight?: number
}

export interface ConnectorStats {
  readonly inFlight: number
  readonly counts: PacketCounts
  /** From a peer's Prepare to our answer. */
  readonly answering: Durations
}

const PEER_SCHEME = 'peer.'

export function createConnector(deps: ConnectorDeps): Connector {
  return new Connector(deps)
}

/**
 * The way of a packet through this node: from a peer or an account, to a peer or a receiver, and its answer back. What is
 * owed is written down before anybody can rely on it: that a packet leaves, before it leaves; that it was fulfilled,
 * before the Fulfill goes upstream.
 */
export class Connector {
  readonly #deps: ConnectorDeps
  readonly #maxHoldMs: number
  readonly #maxInFlight: number
  readonly #receivers: ReadonlyMap<string, LocalReceiver>
  /** What was handed to receivers. */
  readonly #delivered: ReplayMemory
  readonly #held: HeldAnswers
  readonly #notices: Notices
  readonly #traffic = new Traffic()
  readonly #crossings: Crossings
  #isClosed = false

  constructor(deps: ConnectorDeps) {
    const { books, reconciler, clock, ownAddress, receivers, notify } = deps
    this.#deps = deps
    this.#maxHoldMs = deps.maxHoldMs ?? DEFAULT_MAX_HOLD_MS
    this.#maxInFlight = deps.maxInFlight ?? DEFAULT_MAX_IN_FLIGHT
    this.#receivers = new Map(receivers.map((receiver) => [receiver.segment, receiver]))
    this.#delivered = new ReplayMemory(this.#maxHoldMs, clock.nowMs())
    this.#held = new HeldAnswers(clock)
    this.#notices = new Notices(notify, clock)
    this.#crossings = new Crossings({
      books,
      reconciler,
      clock,
      ownAddress,
      traffic: this.#traffic,
      held: this.#held,
      notices: this.#notices,
    })
    this.#rememberUnresolved()
  }

  get stats(): ConnectorStats {
    const { inFlight, counts, answering } = this.#traffic
    return { inFlight, counts: { ...counts, rejected: { ...counts.rejected } }, answering }
  }

  /** A Prepare that a peer has sent. Never rejects. */
  async handle(peerId: string, prepare: IlpPrepare): Promise<IlpReply> {
    const peer = this.#deps.peers.find(peerId)
    if (peer === undefined) return this.#refuse(REFUSALS.unknownPeer)
    const startedMs = performance.now()
    this.#traffic.noteArrival(peer)
    let reply: IlpReply
    try {
      reply = await this.#answer(peer, prepare)
    } catch (error) {
      reply = this.#fault(error, peerId)
    }
    this.#traffic.noteReply(peer, reply, performance.now() - startedMs)
    return reply
  }

  /**
   * Sends a packet that begins here, along the routes, with money of this account: the amount is in its asset. Whoever
   * calls has made sure that the money is there (`Ledger.reserve`). Never rejects.
   */
  async send(from: AccountId, prepare: IlpPrepare): Promise<IlpReply> {
    const nowMs = this.#deps.clock.nowMs()
    const refusal = this.#refuseAny() ?? (prepare.expiresAtMs <= nowMs ? REFUSALS.expired : undefined)
    if (refusal !== undefined) return this.#refuse(refusal)
    const arrival: Arrival = {
      from: { kind: 'account', account: from },
      peer: undefined,
      asset: from.asset,
      id: '',
      prepare,
      expiresAtMs: Math.min(prepare.expiresAtMs, nowMs + this.#maxHoldMs),
    }
    try {
      return await this.#pass(arrival, nowMs)
    } catch (error) {
      return this.#fault(error, from.path)
    }
  }

  /** Sends a packet without money to a neighbour itself, past the routes (`peer.config`, route exchange). Never rejects. */
  async sendToPeer(peerId: string, prepare: IlpPrepare): Promise<IlpReply> {
    const link = this.#deps.peers.find(peerId)?.link
    if (prepare.amount > 0n) return this.#refuse(REFUSALS.moneyToProtocol)
    if (link === undefined || !link.isConnected) return this.#refuse(REFUSALS.notConnected)
    const answer = await link.send(prepare)
    if (answer.type === 'lost') return this.#refuse(REFUSALS.timedOut)
    if (answer.type === 'unsent') return this.#refuse(REFUSALS.notSent)
    const isWrong = answer.type === 'fulfill' && !isFulfilledBy(prepare, answer.fulfillment)
    return isWrong ? this.#refuse(REFUSALS.wrongFulfillment) : answer
  }

  /**
   * Takes no more packets and resolves when none is under way. Links are closed and the reconciler is stopped before, so
   * that what waits for them ends, and nobody hears what is answered then.
   */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#held.close()
    await this.#traffic.idle()
  }

  #rememberUnresolved(): void {
    const { unresolved, peers, clock } = this.#deps
    const nowMs = clock.nowMs()
    for (const { id, incomingId, incomingExpiresAtMs, from, to } of unresolved) {
      if (from.kind === 'peer' && incomingId !== '')
        peers.find(from.peerId)?.received.note(incomingId, incomingExpiresAtMs, nowMs)
      if (to.kind === 'peer') peers.find(to.peerId)?.sent.note(id, nowMs)
    }
  }

  #answer(peer: LivePeer, prepare: IlpPrepare): Promise<IlpReply> | IlpReply {
    const nowMs = this.#deps.clock.nowMs()
    const refusal = this.#refuseAny() ?? refusePacket(peer, prepare, nowMs)
    if (refusal !== undefined) return this.#refuse(refusal)
    if (prepare.destination.startsWith(PEER_SCHEME)) return this.#askProtocol(peer, prepare)
    const id = packetIdOf(prepare)
    const noted = peer.received.note(id, prepare.expiresAtMs, nowMs)
    if (noted !== 'new') return this.#refuse(noted === 'known' ? REFUSALS.replayed : REFUSALS.tooManyIds)
    const arrival: Arrival = {
      from: { kind: 'peer', peerId: peer.id },
      peer,
      asset: peer.terms.asset,
      id,
      prepare,
      expiresAtMs: Math.min(prepare.expiresAtMs, nowMs + this.#maxHoldMs),
    }
    return this.#pass(arrival, nowMs)
  }

  /** What concerns all packets, from wherever they come. */
  #refuseAny(): PacketRefusal | undefined {
    if (this.#isClosed) return REFUSALS.stopping
    if (this.#traffic.inFlight < this.#maxInFlight) return undefined
    return { error: 'CONNECTOR_BUSY', message: `${this.#maxInFlight} packets are under way already` }
  }

  async #askProtocol(peer: LivePeer, prepare: IlpPrepare): Promise<IlpReply> {
    const protocol = this.#deps.peerProtocols.get(prepare.destination)
    if (protocol === undefined) return this.#refuse(REFUSALS.noRoute)
    if (prepare.amount > 0n) return this.#refuse(REFUSALS.moneyToProtocol)
    const held = { peer, next: undefined, incoming: 0n, outgoing: 0n }
    this.#traffic.begin(held)
    try {
      return await protocol(peer.id, prepare)
    } finally {
      this.#traffic.end(held)
    }
  }

  #pass(arrival: Arrival, nowMs: number): Promise<IlpReply> | IlpReply {
    const hop = this.#deps.routes.nextHop(arrival.prepare.destination)
    if (hop === undefined) return this.#refuseUnrouted(arrival.prepare.destination)
    return 'local' in hop ? this.#passHere(arrival, nowMs) : this.#passTo(hop.peerId, arrival, nowMs)
  }

  #refuseUnrouted(destination: string): IlpReply {
    const isExpected = this.#deps.isRouteExpected?.(destination) === true
    return this.#refuse(isExpected ? REFUSALS.noRouteNow : REFUSALS.noRoute)
  }

  #passTo(peerId: string, arrival: Arrival, nowMs: number): Promise<IlpReply> | IlpReply {
    if (peerId === arrival.peer?.id) return this.#refuse(REFUSALS.backToSender)
    const next = this.#deps.peers.find(peerId)
    if (next === undefined) return this.#refuse(REFUSALS.noRoute)
    const plan = planToPeer({ arrival, next, rates: this.#deps.rates(), nowMs })
    return plan.ok ? this.#crossings.toPeer(arrival, next, plan.value) : this.#refuse(plan.refusal)
  }

  #passHere(arrival: Arrival, nowMs: number): Promise<IlpReply> | IlpReply {
    const receiver = this.#receiverOf(arrival.prepare.destination)
    if (receiver === undefined) return this.#refuse(REFUSALS.noRoute)
    const rates = this.#deps.rates()
    const plan = planToReceiver({ arrival, receiver, delivered: this.#delivered, rates, nowMs })
    return plan.ok ? this.#crossings.toReceiver(arrival, receiver, plan.value) : this.#refuse(plan.refusal)
  }

  #receiverOf(destination: string): LocalReceiver | undefined {
    const own = this.#deps.ownAddress()
    if (own === undefined || !isInPrefix(destination, own)) return undefined
    const start = own.length + 1
    const end = destination.indexOf('.', start)
    return this.#receivers.get(destination.slice(start, end === -1 ? undefined : end))
  }

  #fault(error: unknown, from: string): IlpReply {
    const message = error instanceof Error ? error.message : String(error)
    this.#notices.tell({ event: 'interledger.packet_fault', level: 'error', facts: { from, message } })
    return this.#refuse(REFUSALS.internal)
  }

  #refuse(refusal: PacketRefusal): IlpReply {
    return this.#crossings.refuse(refusal)
  }
}
