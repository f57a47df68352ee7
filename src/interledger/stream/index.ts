/** The door of STREAM: receiving, paying, and receipts. */
export {
  type ConnectionTerms,
  MAX_TAG_BYTES,
  type StreamCredentials,
} from './credentials.ts'
export { SHARED_SECRET_BYTES } from './keys.ts'
export { isLowerRate, leastDelivered, lessSlippage, type PathRate, sourceFor } from './path-rate.ts'
export {
  payStream,
  quoteStream,
  type StreamPath,
  type StreamPaymentRequest,
  type StreamQuote,
  type StreamReceived,
} from './pay-stream.ts'
export type { PaidSoFar, PaymentRefusal } from './payment-refusal.ts'
export type { StreamAmount } from './plan-packet.ts'
export {
  decodeReceipt,
  RECEIPT_NONCE_BYTES,
  RECEIPT_SECRET_BYTES,
  type Receipt,
  type ReceiptSetup,
  verifyReceipt,
} from './receipt.ts'
export {
  createStreamServer,
  type StreamBytes,
  type StreamMoney,
  type StreamServer,
  type StreamServerDeps,
} from './stream-server.ts'
