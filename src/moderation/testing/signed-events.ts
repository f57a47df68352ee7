import { randomBytes } from 'node:crypto'
import { schnorr } from '@noble/curves/secp256k1.js'
import { finalizeEvent, type NostrEvent, type UnsignedTemplate } from '../../nostr/index.ts'

export interface Author {
  readonly pubkey: string
  write(template?: Partial<UnsignedTemplate>): Promise<NostrEvent>
}

/** Somebody with a key of their own, whose events are really signed. */
export function newAuthor(): Author {
  const secretKey = randomBytes(32)
  const publicKey = Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex')
  const signer = { publicKey, signSchnorr: (hash: Uint8Array) => schnorr.sign(hash, secretKey) }
  let written = 0
  return {
    pubkey: publicKey,
    write: (template = {}) =>
      finalizeEvent(
        { kind: 1, created_at: 1_700_000_000, tags: [], content: `post ${++written}`, ...template },
        signer,
      ),
  }
}
