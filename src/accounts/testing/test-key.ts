import { randomBytes } from 'node:crypto'
import { schnorr } from '@noble/curves/secp256k1.js'
import { finalizeEvent, type NostrEvent, type UnsignedTemplate } from '../../nostr/index.ts'
import type { Signer } from '../../signer/index.ts'

/** Somebody with a Nostr key. */
export interface TestKey extends Signer {
  sign(template: UnsignedTemplate): Promise<NostrEvent>
}

/** @param secretKey a random one when absent. */
export function testKey(secretKey: Uint8Array = randomBytes(32)): TestKey {
  const signer: Signer = {
    publicKey: Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex'),
    signSchnorr: async (hash) => schnorr.sign(hash, secretKey),
  }
  return { ...signer, sign: (template) => finalizeEvent(template, signer) }
}
