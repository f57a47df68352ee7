/** The door of SPSP: payment pointers, asking for payment details, answering with them, paying. */
export { type PointerPayment, type PointerPaymentRequest, payPointer } from './pay-pointer.ts'
export { formatPaymentPointer, resolvePaymentPointer } from './payment-pointer.ts'
export { querySpsp, type SpspDetails, type SpspQuery, type SpspRefusal } from './query-spsp.ts'
export {
  answerSpspQuery,
  type FindSpspReceiver,
  type SpspReceiver,
  type SpspRequest,
  type SpspResponse,
} from './spsp-endpoint.ts'
