/**
 * Requests between two neighbours that carry no money: ILDCP and the exchange of routes. They are Prepares to `peer.…`,
 * whose condition everybody can fulfil (RFC-0031, "Packet").
 */
import { createHash } from 'node:crypto'
import type { LinkAnswer } from '../link.ts'
import { ILP_ERRORS, type IlpFulfill, type IlpPrepare, type IlpReject } from '../packet/index.ts'

const FULFILLMENT = Buffer.alloc(32)
const CONDITION = createHash('sha256').update(FULFILLMENT).digest()
const NO_DATA = Buffer.alloc(0)

/** Why a request of a neighbour is not answered. */
export interface PeerRequestFault {
  /** One of `ILP_ERRORS`. */
  readonly code: string
  /** For people. */
  readonly text: string
}

export interface PeerRequest {
  /** `peer.config`, `peer.route.control`, … */
  readonly destination: string
  readonly data?: Buffer
  readonly nowMs: number
  /** How long its answer is waited for. */
  readonly waitMs: number
}

export function peerRequest({ destination, data = NO_DATA, nowMs, waitMs }: PeerRequest): IlpPrepare {
  return {
    type: 'prepare',
    amount: 0n,
    expiresAtMs: nowMs + waitMs,
    executionCondition: CONDITION,
    destination,
    data,
  }
}

/** What is wrong with a Prepare as a request between neighbours; undefined when nothing is. */
export function faultOfPeerRequest(prepare: IlpPrepare, nowMs: number): PeerRequestFault | undefined {
  if (prepare.expiresAtMs <= nowMs)
    return { code: ILP_ERRORS.TRANSFER_TIMED_OUT, text: 'the request is expired' }
  // It would be money that nobody books.
  if (prepare.amount !== 0n) {
    return {
      code: ILP_ERRORS.INVALID_AMOUNT,
      text: `a request between neighbours has amount 0, not ${prepare.amount}`,
    }
  }
  if (!prepare.executionCondition.equals(CONDITION)) {
    return { code: ILP_ERRORS.BAD_REQUEST, text: 'the condition is not that of requests between neighbours' }
  }
  return undefined
}

export function peerAnswer(data: Buffer = NO_DATA): IlpFulfill {
  return { type: 'fulfill', fulfillment: FULFILLMENT, data }
}

/** @param ownAddress empty while we have none. */
export function rejectPeerRequest({ code, text }: PeerRequestFault, ownAddress: string): IlpReject {
  return { type: 'reject', code, triggeredBy: ownAddress, message: text, data: NO_DATA }
}

/** Did the neighbour do what was asked? */
export function isPeerAnswer(answer: LinkAnswer): answer is IlpFulfill {
  return answer.type === 'fulfill' && answer.fulfillment.equals(FULFILLMENT)
}
