/** The port of those within this node who take packets: who they are, and what they make of one. */
import type { Asset } from '../kernel/index.ts'
import type { AccountId } from '../ledger/index.ts'
import type { IlpFulfill, IlpPrepare, IlpReject } from './packet/index.ts'

/**
 * What a receiver makes of a packet. The money is booked in between: a Fulfill exists only behind it. Exactly one of `booked`
 * and `notBooked` is to be called for a Prepare that was accepted.
 */
export type LocalDecision =
  | { readonly isAccepted: false; readonly reply: IlpReject }
  | {
      readonly isAccepted: true
      /** To be credited with the Prepare's amount, in the receiver's asset; of 0 there is nothing to book. */
      readonly creditTo: AccountId
      /** Fits the Prepare's condition; nobody else may see it before the money is booked. */
      readonly fulfillment: Buffer
      /** Called when the money is booked; gives the answer. */
      booked(): IlpFulfill
      /** Called instead when it is not, and will not be. The sender may try again with another packet. */
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
