/** Why a payment ended before its amount was reached, and how far it came. */
import type { Refusal } from '../../kernel/index.ts'
import type { IlpReject } from '../packet/index.ts'

/** What has moved for good. */
export interface PaidSoFar {
  /** In the payer's units. */
  readonly sent: bigint
  /** In the receiver's units, as the receiver says. */
  readonly delivered: bigint
  /** Packets that were fulfilled. */
  readonly packets: number
  /** The one with the largest total (RFC-0039); undefined when the receiver gives none. */
  readonly receipt: Buffer | undefined
}

export interface PaymentRefusal extends Refusal {
  readonly code: /** Nobody answered for this address, or not with this secret. */
    | 'UNREACHABLE'
    /** A connector or the receiver refused for good; the text has its code. */
    | 'REJECTED'
    /** What arrives is less than the rate that was asked for, or than was quoted, less slippage. */
    | 'RATE_TOO_LOW'
    /** More than the maximum would have to be sent. */
    | 'TOO_EXPENSIVE'
    /** The receiver takes no more. */
    | 'RECEIVER_FULL'
    /** The receiver closed the stream or the connection. */
    | 'CLOSED'
    /** Nothing was fulfilled for too long. */
    | 'STALLED'
    /** The caller asked for it. */
    | 'ABORTED'
  readonly paid: PaidSoFar
}

export const NOTHING_PAID: PaidSoFar = { sent: 0n, delivered: 0n, packets: 0, receipt: undefined }

/** Others wrote the message; more of it than this is not handed on. */
const MAX_MESSAGE_LENGTH = 200

export function describeReject({ code, triggeredBy, message }: IlpReject): string {
  return `${code} ${triggeredBy} ${message.slice(0, MAX_MESSAGE_LENGTH)}`.trim()
}
