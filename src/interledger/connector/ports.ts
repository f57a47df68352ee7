/** What the connector needs of its neighbours, and no more. */
import type { Asset } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import type { PacketIntent } from '../books.ts'
import type { IlpFulfill, IlpPrepare, IlpReject, IlpReply } from '../packet/index.ts'

/** Where a packet goes next: to a peer, or it is for an address below our own. */
export type NextHop = { readonly peerId: string } | { readonly local: true }

export interface Routes {
  /** Undefined when there is no route. */
  nextHop(destination: string): NextHop | undefined
}

/** As `RateTable` computes them; undefined when there is no rate between the two. */
export interface Rates {
  convert(amount: bigint, from: Asset, to: Asset): bigint | undefined
  /** The largest amount that converts to `amountOut` or less. */
  largestSource(amountOut: bigint, from: Asset, to: Asset): bigint | undefined
  /** Of `amount`, what the conversion keeps for us. */
  margin(amount: bigint, from: Asset, to: Asset): bigint
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

/** What a receiver makes of a packet. The money is booked in between: a Fulfill exists only behind it. */
export type LocalDecision =
  | { readonly isAccepted: false; readonly reply: IlpReject }
  | {
      readonly isAccepted: true
      /** In the receiver's asset. */
      readonly creditTo: AccountId
      /** Must fit the Prepare's condition. */
      readonly fulfillment: Buffer
      /** Called when the money is booked; gives the answer. */
      booked(): IlpFulfill
      /** Called instead when it is not. */
      notBooked(): void
    }

/** Somebody within this node who takes packets for `<own address>.<segment>` and everything below. */
export interface LocalReceiver {
  /** One segment of an ILP address. */
  readonly segment: string
  /** What it counts in: amounts are converted to it before it sees them. */
  readonly asset: Asset
  decide(prepare: IlpPrepare): LocalDecision
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
