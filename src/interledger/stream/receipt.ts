/** STREAM receipts (RFC-0039): what a receiver signs for a verifier about the total of one stream. */
import { timingSafeEqual } from 'node:crypto'
import { type Outcome, refused } from '../../kernel/index.ts'
import { OerWriter, readOer } from '../packet/index.ts'
import { hmac } from './keys.ts'

export const RECEIPT_NONCE_BYTES = 16
export const RECEIPT_SECRET_BYTES = 32
/** A receipt has one byte for the stream's id; streams with a higher one have no receipts. */
export const MAX_RECEIPT_STREAM_ID = 255

/** Agreed between verifier and receiver; the sender never sees the secret. */
export interface ReceiptSetup {
  /** 16 bytes, unique for the connection. */
  readonly nonce: Buffer
  /** 32 bytes. */
  readonly secret: Buffer
}

export interface Receipt {
  readonly nonce: Buffer
  readonly streamId: number
  /** In the receiver's units, since the connection began. */
  readonly totalReceived: bigint
}

const VERSION = 1
const HMAC_BYTES = 32
const MESSAGE_BYTES = 1 + RECEIPT_NONCE_BYTES + 1 + 8
const RECEIPT_BYTES = MESSAGE_BYTES + HMAC_BYTES

export function createReceipt(
  { nonce, secret }: ReceiptSetup,
  streamId: number,
  totalReceived: bigint,
): Buffer {
  const writer = new OerWriter(RECEIPT_BYTES)
    .uint8(VERSION)
    .octets(nonce)
    .uint8(streamId)
    .uint64(totalReceived)
  return writer.octets(hmac(secret, writer.bytes.subarray(0, MESSAGE_BYTES))).bytes
}

/** Reads a receipt without judging it. The refusal is a text. */
export function decodeReceipt(bytes: Buffer): Outcome<Receipt, string> {
  if (bytes.length !== RECEIPT_BYTES)
    return refused(`a receipt has ${RECEIPT_BYTES} bytes, not ${bytes.length}`)
  return readOer(bytes, (reader) => {
    if (reader.uint8() !== VERSION) return reader.fail('the version of the receipt is not known')
    const nonce = reader.octets(RECEIPT_NONCE_BYTES)
    return { nonce, streamId: reader.uint8(), totalReceived: reader.uint64() }
  })
}

/**
 * Reads a receipt that the holder of the secret made. Whether its total is news, and its nonce is still good, is for the
 * verifier to know. The refusal is a text.
 *
 * @param secretOf the secret for a nonce; undefined when the nonce is not known.
 */
export function verifyReceipt(
  bytes: Buffer,
  secretOf: (receipt: Receipt) => Buffer | undefined,
): Outcome<Receipt, string> {
  const receipt = decodeReceipt(bytes)
  if (!receipt.ok) return receipt
  const secret = secretOf(receipt.value)
  if (secret === undefined) return refused('the nonce of the receipt is not known')
  const expected = hmac(secret, bytes.subarray(0, MESSAGE_BYTES))
  return timingSafeEqual(expected, bytes.subarray(MESSAGE_BYTES)) ? receipt : refused('the receipt is forged')
}
