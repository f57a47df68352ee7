/** What the connector needs of its neighbours, and no more. */
import type { Asset } from '../../kernel/index.ts'
import type { PacketIntent } from '../books.ts'
import type { IlpPrepare, IlpReply } from '../packet/index.ts'
import type { Exchange } from '../rates/index.ts'

/** Where a packet goes next: to a peer, or it is for an address below our own. */
export type NextHop = { readonly peerId: string } | { readonly local: true }

export interface Routes {
  /** Undefined when there is no route. */
  nextHop(destination: string): NextHop | undefined
}

/** As `RateTable` computes them; undefined when there is no rate between the two. */
export interface Rates {
  /** So many units of `to` for `amount` of `from`, and what of `amount` the conversion keeps for us. */
  exchange(amount: bigint, from: Asset, to: Asset): Exchange | undefined
  /** The largest amount that converts to `amountOut` or less. */
  largestSource(amountOut: bigint, from: Asset, to: Asset): bigint | undefined
}

export interface Reconciler {
  /**
   * Finds out what became of a packet that was sent and not answered in time. Resolves to the fulfilment when the packet
   * counts: then it must be booked. Resolves to undefined when it does not count: then it is written down that it was
   * given up. Never rejects. What is told to the peer is its affair.
   *
   * @param answerByMs so long whoever sent us the packet is kept waiting at most.
   */
  lost(intent: PacketIntent, answerByMs: number): Promise<Buffer | undefined>
}

/** Takes what a peer sends to one address of the `peer.` scheme, which carries no money (ILDCP, route exchange). */
export type PeerProtocol = (peerId: string, prepare: IlpPrepare) => IlpReply | Promise<IlpReply>

/** Something an operator should read. */
export interface ConnectorNotice {
  /** Constant name of what happened, as in all logs. */
  readonly event: `interledger.${string}`
  readonly level: 'warn' | 'error'
  readonly facts: Readonly<Record<string, string | number>>
}
