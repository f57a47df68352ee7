/** Paying somebody by a payment pointer: SPSP, and then STREAM. */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import {
  type PaymentRefusal,
  payStream,
  type StreamPaymentRequest,
  type StreamReceived,
} from '../stream/index.ts'
import { querySpsp, type SpspDetails, type SpspRefusal } from './query-spsp.ts'

export interface PointerPaymentRequest
  extends Omit<StreamPaymentRequest, 'destinationAddress' | 'sharedSecret' | 'minRate'> {
  /** A payment pointer, or the URL of a receiver. */
  readonly to: string
  readonly fetch: typeof fetch
  /**
   * The rate that prices known elsewhere give, now that the receiver's asset is known (undefined when it does not tell);
   * undefined when there is none to hold the path to.
   */
  readonly minRateFor?: (details: SpspDetails) => StreamPaymentRequest['minRate']
}

export interface PointerPayment extends StreamReceived {
  readonly details: SpspDetails
}

/** As `payStream`, which says what holds of amounts. */
export async function payPointer({
  to,
  fetch,
  minRateFor,
  ...request
}: PointerPaymentRequest): Promise<Outcome<PointerPayment, SpspRefusal | PaymentRefusal>> {
  const { signal } = request
  const details = await querySpsp({ to, fetch, ...(signal === undefined ? {} : { signal }) })
  if (!details.ok) return details
  const { destinationAddress, sharedSecret } = details.value
  const minRate = minRateFor?.(details.value)
  const paid = await payStream({
    ...request,
    destinationAddress,
    sharedSecret,
    ...(minRate === undefined ? {} : { minRate }),
  })
  return paid.ok ? accepted({ ...paid.value, details: details.value }) : refused(paid.refusal)
}
