/** Where a packet that was let in goes, as what, and whether it may: figured out before anything is done. */
import { type Asset, accepted, type Outcome, refused } from '../../kernel/index.ts'
import type { PacketId, PacketIntent, PacketParty } from '../books.ts'
import type { Link } from '../link.ts'
import type { LocalReceiver } from '../local-receiver.ts'
import { encodeIlpPacket, type IlpPrepare, MAX_AMOUNT } from '../packet/index.ts'
import type { PeerState } from '../peer.ts'
import type { Exchange } from '../rates/index.ts'
import type { LivePeer } from './live-peer.ts'
import { packetIdOf } from './packet-id.ts'
import type { Rates } from './ports.ts'
import { amountTooLarge, type PacketRefusal, REFUSALS } from './refusals.ts'
import type { ReplayMemory } from './replay-memory.ts'

/** A packet that was let in. */
export interface Arrival {
  readonly from: PacketParty
  /** Undefined when it began here. */
  readonly peer: LivePeer | undefined
  readonly asset: Asset
  /** Empty when it began here. */
  readonly id: PacketId
  readonly prepare: IlpPrepare
  /** The packet's own, or the latest that we wait for. */
  readonly expiresAtMs: number
}

/** A packet as it goes on, and what is written down of it. */
export interface Departure {
  readonly prepare: IlpPrepare
  readonly intent: PacketIntent
}

export interface DepartureToPeer extends Departure {
  readonly link: Link
  /** The packet's bytes: its id is made of them, and they leave. */
  readonly encoded: Buffer
}

interface PlanDeps {
  readonly rates: Rates
  readonly nowMs: number
}

/** What is asked of an amount that goes on. */
interface AmountTerms {
  readonly to: Asset
  readonly max: bigint
}

export interface PeerPlanRequest extends PlanDeps {
  readonly arrival: Arrival
  readonly next: LivePeer
}

export interface LocalPlanRequest extends PlanDeps {
  readonly arrival: Arrival
  readonly receiver: LocalReceiver
  /** What was handed to receivers of this node. */
  readonly delivered: ReplayMemory
}

type Planned<T> = Outcome<T, PacketRefusal>

const HOP_REFUSALS: Readonly<Record<Exclude<PeerState, 'active'>, PacketRefusal>> = {
  paused: { error: 'PEER_UNREACHABLE', message: 'the next hop is paused' },
  closing: { error: 'PEER_UNREACHABLE', message: 'the next hop is being closed' },
  closed: { error: 'UNREACHABLE', message: 'the next hop is closed' },
}

/**
 * Plans the way to a peer. When it is accepted, the packet counts as sent for the replay memory and for the circuit
 * breaker: it must leave, or be withdrawn there.
 */
export function planToPeer({ arrival, next, rates, nowMs }: PeerPlanRequest): Planned<DepartureToPeer> {
  if (next.state !== 'active') return refused(HOP_REFUSALS[next.state])
  const { limits, asset } = next.terms
  const exchange = exchangeFor(arrival, rates, { to: asset, max: limits.maxPacketAmount })
  if (!exchange.ok) return exchange
  const { amountOut: amount, marginAmount } = exchange.value
  const short = refuseLiquidity(arrival, next, amount)
  if (short !== undefined) return refused(short)
  const expiresAtMs = outgoingExpiry(arrival, nowMs)
  if (expiresAtMs === undefined) return refused(tooLate(arrival, nowMs))
  if (next.outgoing.packets >= limits.maxInFlight) return refused(REFUSALS.peerBusy)
  const { link } = next
  if (link === undefined || !link.isConnected) return refused(REFUSALS.notConnected)
  const to = { kind: 'peer', peerId: next.id } as const
  const prepare = onward(arrival, { amount, expiresAtMs })
  const encoded = encodeIlpPacket(prepare)
  const intent = intentOf(arrival, { prepare, id: packetIdOf(prepare, encoded), to, marginAmount })
  // Last, since they change what they are asked: first the one that can be taken back.
  if (!next.breaker.allow(nowMs)) return refused(REFUSALS.notAnswering)
  const twin = refuseTwin(next.sent, intent, nowMs)
  if (twin === undefined) return accepted({ prepare, encoded, intent, link })
  next.breaker.withdraw()
  return refused(twin)
}

export function planToReceiver({
  arrival,
  receiver,
  delivered,
  rates,
  nowMs,
}: LocalPlanRequest): Planned<Departure> {
  const exchange = exchangeFor(arrival, rates, { to: receiver.asset, max: MAX_AMOUNT })
  if (!exchange.ok) return exchange
  const { amountOut: amount, marginAmount } = exchange.value
  const short = refuseLiquidity(arrival, undefined, amount)
  if (short !== undefined) return refused(short)
  // Whose account it is the receiver says with its answer.
  const to = { kind: 'account', account: { path: '', asset: receiver.asset } } as const
  const { expiresAtMs } = arrival
  const prepare = onward(arrival, { amount, expiresAtMs })
  const id = prepare === arrival.prepare && arrival.id !== '' ? arrival.id : packetIdOf(prepare)
  const intent = intentOf(arrival, { prepare, id, to, marginAmount })
  const twin = refuseTwin(delivered, intent, nowMs)
  return twin === undefined ? accepted({ prepare, intent }) : refused(twin)
}

/** Two packets that are the same on the link to the next hop would be one to it, and one in the books. */
function refuseTwin(memory: ReplayMemory, { id }: PacketIntent, nowMs: number): PacketRefusal | undefined {
  const noted = memory.note(id, nowMs)
  if (noted === 'new') return undefined
  return noted === 'known' ? REFUSALS.replayed : REFUSALS.tooManyIds
}

function exchangeFor(
  { prepare, asset, peer }: Arrival,
  rates: Rates,
  { to, max }: AmountTerms,
): Planned<Exchange> {
  const exchange = rates.exchange(prepare.amount, asset, to)
  if (exchange === undefined)
    return refused({ error: 'INTERNAL_ERROR', message: `there is no rate from ${asset} to ${to}` })
  if (exchange.amountOut === 0n && prepare.amount > 0n)
    return refused({
      error: 'INSUFFICIENT_SOURCE_AMOUNT',
      message: `an amount of ${prepare.amount} is nothing in the next hop's asset`,
    })
  const bound = max < MAX_AMOUNT ? max : MAX_AMOUNT
  if (exchange.amountOut <= bound) return accepted(exchange)
  const largest = rates.largestSource(bound, asset, to) ?? 0n
  const own = peer?.terms.limits.maxPacketAmount ?? MAX_AMOUNT
  return refused(amountTooLarge(prepare.amount, largest < own ? largest : own))
}

function refuseLiquidity(
  { peer, prepare }: Arrival,
  next: LivePeer | undefined,
  amount: bigint,
): PacketRefusal | undefined {
  if (peer?.mayReceive(prepare.amount) === false) return REFUSALS.mayNotOwe
  return next?.mayPay(amount) === false ? REFUSALS.mayNotPay : undefined
}

/** Undefined when too little is left to the next hop: it must have as long as we keep for ourselves. */
function outgoingExpiry({ expiresAtMs, peer }: Arrival, nowMs: number): number | undefined {
  const windowMs = peer?.terms.limits.minMessageWindowMs ?? 0
  const trimmedMs = expiresAtMs - windowMs
  return trimmedMs - nowMs < windowMs || trimmedMs <= nowMs ? undefined : trimmedMs
}

function tooLate({ expiresAtMs }: Arrival, nowMs: number): PacketRefusal {
  if (expiresAtMs <= nowMs) return REFUSALS.expired
  const message = `the ${expiresAtMs - nowMs} ms that are left are too few to pass the packet on`
  return { error: 'INSUFFICIENT_TIMEOUT', message }
}

interface OnwardTerms {
  readonly amount: bigint
  readonly expiresAtMs: number
}

/** The packet as it goes on; one that nothing changes of is the same. */
function onward({ prepare }: Arrival, { amount, expiresAtMs }: OnwardTerms): IlpPrepare {
  if (amount === prepare.amount && expiresAtMs === prepare.expiresAtMs) return prepare
  const { executionCondition, destination, data } = prepare
  return { type: 'prepare', amount, expiresAtMs, executionCondition, destination, data }
}

interface IntentTerms {
  /** As it goes on. */
  readonly prepare: IlpPrepare
  readonly id: PacketId
  readonly to: PacketParty
  readonly marginAmount: bigint
}

function intentOf(arrival: Arrival, { prepare, id, to, marginAmount }: IntentTerms): PacketIntent {
  return {
    id,
    incomingId: arrival.id,
    from: arrival.from,
    to,
    incomingAmount: arrival.prepare.amount,
    outgoingAmount: prepare.amount,
    marginAmount,
    incomingExpiresAtMs: arrival.prepare.expiresAtMs,
    outgoingExpiresAtMs: prepare.expiresAtMs,
    executionCondition: prepare.executionCondition,
  }
}
