import { schnorr } from '@noble/curves/secp256k1.js'
import {
  createHttpAuth,
  type EventSigner,
  encodeHttpAuth,
  finalizeEvent,
  type UnsignedTemplate,
} from '../../nostr/index.ts'

/** Somebody with a Nostr key, who can sign requests. */
export interface TestKey extends EventSigner {
  /** The `Authorization` header of a request, of this moment, changed as a test wants it. */
  authorize(
    request: SignedRequest,
    change?: (template: UnsignedTemplate) => UnsignedTemplate,
  ): Promise<string>
}

export interface SignedRequest {
  readonly method: string
  readonly url: string
  readonly body?: string
}

/** @param number the same number is the same key. */
export function testKey(number: number): TestKey {
  const secretKey = new Uint8Array(32).fill(number)
  const signer: EventSigner = {
    publicKey: Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex'),
    signSchnorr: (hash) => schnorr.sign(hash, secretKey),
  }
  return {
    ...signer,
    authorize: async ({ method, url, body }, change = (template) => template) => {
      const template = createHttpAuth({
        method,
        url,
        body: body === undefined ? undefined : Buffer.from(body),
        nowSeconds: Math.floor(Date.now() / 1_000),
      })
      // A number that differs makes two requests of the same second two events.
      const unique: UnsignedTemplate = { ...template, tags: [...template.tags, ['n', String(count++)]] }
      return encodeHttpAuth(await finalizeEvent(change(unique), signer))
    },
  }
}

let count = 0
