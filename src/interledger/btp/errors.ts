/** BTP errors that we send (RFC-0023, "Error Codes"). */
import type { Clock } from '../../kernel/index.ts'
import { type BtpError, generalizedTime } from './frames.ts'

export const BTP_ERRORS = {
  unreachable: { code: 'T00', name: 'UnreachableError' },
  notAccepted: { code: 'F00', name: 'NotAcceptedError' },
} as const

/** @param text what happened, for people. */
export function btpError(
  requestId: number,
  kind: keyof typeof BTP_ERRORS,
  text: string,
  clock: Clock,
): BtpError {
  return {
    type: 'error',
    requestId,
    ...BTP_ERRORS[kind],
    triggeredAt: generalizedTime(clock.nowMs()),
    data: Buffer.from(text),
    protocols: [],
  }
}
