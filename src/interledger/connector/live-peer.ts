import type { Link } from '../link.ts'
import type { PeerState, PeerTerms } from '../peer.ts'
import { CircuitBreaker } from './circuit-breaker.ts'
import { RateBucket } from './rate-bucket.ts'
import { ArrivalMemory, ReplayMemory } from './replay-memory.ts'

/** Since the node started. */
export interface PacketCounts {
  /** Prepares that came, and what we answered. */
  incoming: number
  fulfilled: number
  /** By the code of the Reject, ours and those that passed through; codes that ILP has not are `other` together. */
  readonly rejected: Record<string, number>
  /** Prepares that we sent, and how often no answer came, a wrong fulfilment, or one that came too late. */
  outgoing: number
  lost: number
  wrong: number
  late: number
}

export function createPacketCounts(): PacketCounts {
  return { incoming: 0, fulfilled: 0, rejected: {}, outgoing: 0, lost: 0, wrong: 0, late: 0 }
}

/** Packets that wait for their answer in one direction. */
export class Flight {
  packets = 0
  amount = 0n

  begin(amount: bigint): void {
    this.packets++
    this.amount += amount
  }

  end(amount: bigint): void {
    this.packets--
    this.amount -= amount
  }
}

interface LivePeerOptions {
  readonly terms: PeerTerms
  readonly state: PeerState
  readonly maxHoldMs: number
  readonly nowMs: number
}

/** A peer, and all that changes with its packets. */
export class LivePeer {
  terms: PeerTerms
  state: PeerState
  link: Link | undefined
  /** Positive: the peer owes us. Without what is under way. */
  balance = 0n
  readonly incoming = new Flight()
  readonly outgoing = new Flight()
  readonly bucket: RateBucket
  readonly breaker = new CircuitBreaker()
  /** What it sent us, and what we sent it. */
  readonly received: ArrivalMemory
  readonly sent: ReplayMemory
  readonly counts = createPacketCounts()
  /** Changes of the balance, begun and ended; and those that are begun only. */
  bookings = 0
  bookingsUnderWay = 0

  constructor({ terms, state, maxHoldMs, nowMs }: LivePeerOptions) {
    this.terms = terms
    this.state = state
    this.bucket = new RateBucket(terms.limits.maxPacketsPerSecond, nowMs)
    this.received = new ArrivalMemory(maxHoldMs, nowMs)
    this.sent = new ReplayMemory(maxHoldMs, nowMs)
  }

  get id(): string {
    return this.terms.id
  }

  /** May the peer come to owe us so much more? Packets without money always pass. */
  mayReceive(amount: bigint): boolean {
    return amount === 0n || this.balance + this.incoming.amount + amount <= this.terms.limits.maxReceivable
  }

  /** May we come to owe the peer so much more? */
  mayPay(amount: bigint): boolean {
    return amount === 0n || this.outgoing.amount + amount - this.balance <= this.terms.limits.maxPayable
  }

  beginBooking(): void {
    this.bookings++
    this.bookingsUnderWay++
  }

  /** @param change 0 when it came to nothing. */
  endBooking(change: bigint): void {
    this.bookingsUnderWay--
    this.balance += change
  }
}
