/**
 * What a payer needs to pay us, made and recognized without remembering it: everything about the connection stands,
 * sealed, in the last segment of its address, and the shared secret is derived from that segment (RFC-0029, 4.1).
 */
import type { KeyObject } from 'node:crypto'
import { AppError } from '../../kernel/index.ts'
import { MAX_AMOUNT, OerWriter, readOer, varOctetsLength } from '../packet/index.ts'
import { hmac, seal, secretKey, unseal } from './keys.ts'
import { RECEIPT_NONCE_BYTES, RECEIPT_SECRET_BYTES, type ReceiptSetup } from './receipt.ts'

/** What the receiver is told again with each payment: whom it is for. 200 bytes keep the address below 500 characters. */
export const MAX_TAG_BYTES = 200

/** What is in the token of an address. */
export interface ConnectionTerms {
  /** Says to the composition whose account is credited; at most `MAX_TAG_BYTES`. The payer cannot read it. */
  readonly tag: Buffer
  /** Makes the fulfilled packets carry receipts. */
  readonly receipt?: ReceiptSetup
  /** The most that this connection receives, in the receiver's units, as long as its state is remembered. */
  readonly receiveMax?: bigint
}

export interface StreamCredentials {
  readonly destinationAddress: string
  /** 32 bytes; to be told over a channel that is encrypted and authenticated, to one payer. */
  readonly sharedSecret: Buffer
}

/** Keys of one server. Never logged. */
export interface ServerKeys {
  readonly token: KeyObject
  readonly sharedSecret: KeyObject
}

const VERSION = 1

/** @throws AppError INTERNAL when the secret has not 32 bytes. */
export function deriveServerKeys(secret: Buffer): ServerKeys {
  if (secret.length !== 32) throw new AppError('INTERNAL', 'the secret of a STREAM server has 32 bytes')
  return {
    token: secretKey(hmac(secret, 'stoa stream token')),
    sharedSecret: secretKey(hmac(secret, 'stoa stream shared secret')),
  }
}

/** A segment of an ILP address; another one each time. @throws AppError INTERNAL when a part has not its length. */
export function sealToken(
  keys: ServerKeys,
  { tag, receipt, receiveMax = MAX_AMOUNT }: ConnectionTerms,
): string {
  assertLength('tag', tag.length <= MAX_TAG_BYTES)
  assertLength('receipt nonce', receipt === undefined || receipt.nonce.length === RECEIPT_NONCE_BYTES)
  assertLength('receipt secret', receipt === undefined || receipt.secret.length === RECEIPT_SECRET_BYTES)
  const setup = receipt === undefined ? Buffer.alloc(0) : Buffer.concat([receipt.nonce, receipt.secret])
  const length = 1 + 8 + varOctetsLength(tag.length) + varOctetsLength(setup.length)
  const writer = new OerWriter(length).uint8(VERSION).uint64(receiveMax).varOctets(tag).varOctets(setup)
  return seal(keys.token, writer.bytes).toString('base64url')
}

/** Undefined when this server did not make the token. */
export function unsealToken(keys: ServerKeys, token: string): UnsealedTerms | undefined {
  const bytes = unseal(keys.token, Buffer.from(token, 'base64url'))
  if (bytes === undefined) return undefined
  const terms = readOer(bytes, (reader) => {
    if (reader.uint8() !== VERSION) return reader.fail('the version of the token is not known')
    const receiveMax = reader.uint64()
    const tag = reader.varOctets()
    return { tag, receiveMax, receipt: receiptIn(reader.varOctets()) }
  })
  return terms.ok ? terms.value : undefined
}

/** As `ConnectionTerms`, with what was left out said. */
export interface UnsealedTerms {
  readonly tag: Buffer
  readonly receiveMax: bigint
  readonly receipt: ReceiptSetup | undefined
}

/** The shared secret that belongs to a token. */
export function sharedSecretOf(keys: ServerKeys, token: string): Buffer {
  return hmac(keys.sharedSecret, token)
}

function receiptIn(setup: Buffer): ReceiptSetup | undefined {
  if (setup.length === 0) return undefined
  return { nonce: setup.subarray(0, RECEIPT_NONCE_BYTES), secret: setup.subarray(RECEIPT_NONCE_BYTES) }
}

function assertLength(what: string, fits: boolean): void {
  if (!fits) throw new AppError('INTERNAL', `the ${what} of STREAM credentials has the wrong length`)
}
