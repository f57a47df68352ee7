import { AppError, type Clock } from '../../kernel/index.ts'
import type { Link } from '../link.ts'
import type { PeerState, PeerTerms } from '../peer.ts'
import { LivePeer, type PacketCounts } from './live-peer.ts'

/** What is shown of a peer. */
export interface PeerFigures {
  readonly terms: PeerTerms
  readonly state: PeerState
  readonly isConnected: boolean
  /** In the peer's asset: positive, it owes us; negative, we owe it. */
  readonly balance: bigint
  /** Packets of the peer that wait for our answer, and what it will owe us for them at most. */
  readonly incoming: { readonly packets: number; readonly amount: bigint }
  /** Packets that wait for the peer's answer, and what we will owe it for them at most. */
  readonly outgoing: { readonly packets: number; readonly amount: bigint }
  readonly isTripped: boolean
  readonly counts: PacketCounts
}

export interface PeerBookOptions {
  readonly clock: Clock
  /** How long a packet is under way at most. */
  readonly maxHoldMs: number
}

/**
 * The peers of this node as they are now: terms, state, link, balance, packets under way. Balances are read from the
 * ledger once and kept by the connector from then on; whoever books on a peer's account otherwise (settlement,
 * reconciliation) says so by `adjustBalance`.
 */
export class PeerBook {
  readonly #options: PeerBookOptions
  readonly #peers = new Map<string, LivePeer>()

  constructor(options: PeerBookOptions) {
    this.#options = options
  }

  /**
   * Adds a peer, or gives one that is known other terms; what is under way goes on.
   *
   * @throws AppError INTERNAL when the asset is another one: the balance would mean something else.
   */
  set(terms: PeerTerms, state: PeerState): void {
    const known = this.#peers.get(terms.id)
    if (known === undefined) {
      const { clock, maxHoldMs } = this.#options
      this.#peers.set(terms.id, new LivePeer({ terms, state, maxHoldMs, nowMs: clock.nowMs() }))
      return
    }
    if (known.terms.asset !== terms.asset) {
      const facts = { peerId: terms.id, before: known.terms.asset, now: terms.asset }
      throw new AppError('INTERNAL', 'a peer keeps its asset for ever', { facts })
    }
    known.terms = terms
    known.state = state
  }

  setState(id: string, state: PeerState): void {
    this.#known(id).state = state
  }

  /** The way to a peer; undefined when there is none any more. */
  attach(id: string, link: Link | undefined): void {
    this.#known(id).link = link
  }

  /** The link can be used again: it is tried without waiting for the end of an open circuit. */
  linkOpened(id: string): void {
    this.#peers.get(id)?.breaker.tryNow(this.#options.clock.nowMs())
  }

  /** Somebody else than the connector has booked on the peer's account: by so much it owes us more. */
  adjustBalance(id: string, change: bigint): void {
    const peer = this.#peers.get(id)
    if (peer === undefined) return
    peer.balance += change
    peer.bookings++
  }

  /**
   * Takes over what the ledger says. False, and nothing is changed, when packets of this peer were booked meanwhile: then
   * it is not known which of them the answer contains, and the balance that was kept is right as it is.
   */
  async refreshBalance(id: string, read: () => Promise<bigint>): Promise<boolean> {
    const peer = this.#known(id)
    const { bookings } = peer
    if (peer.bookingsUnderWay > 0) return false
    const balance = await read()
    if (peer.bookings !== bookings) return false
    peer.balance = balance
    return true
  }

  /** @internal For the connector: the peer itself, with its counters. */
  find(id: string): LivePeer | undefined {
    return this.#peers.get(id)
  }

  figures(id: string): PeerFigures | undefined {
    const peer = this.#peers.get(id)
    return peer && figuresOf(peer)
  }

  all(): readonly PeerFigures[] {
    return [...this.#peers.values()].map(figuresOf)
  }

  #known(id: string): LivePeer {
    const peer = this.#peers.get(id)
    if (peer === undefined) throw new AppError('INTERNAL', `there is no peer ${id}`)
    return peer
  }
}

function figuresOf(peer: LivePeer): PeerFigures {
  const { terms, state, link, balance, incoming, outgoing, breaker, counts } = peer
  return {
    terms,
    state,
    isConnected: link?.isConnected ?? false,
    balance,
    incoming: { packets: incoming.packets, amount: incoming.amount },
    outgoing: { packets: outgoing.packets, amount: outgoing.amount },
    isTripped: breaker.isTripped,
    counts: { ...counts, rejected: { ...counts.rejected } },
  }
}
