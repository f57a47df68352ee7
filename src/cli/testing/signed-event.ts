import { schnorr } from '@noble/curves/secp256k1.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { computeEventId, type NostrEvent, type UnidentifiedEvent } from '../../nostr/index.ts'

/** A valid signed event of a fixed key; a test states only what matters to it. */
export function signedEvent(fields: Partial<Omit<UnidentifiedEvent, 'pubkey'>> = {}): NostrEvent {
  const secretKey = new Uint8Array(32).fill(7)
  const pubkey = bytesToHex(schnorr.getPublicKey(secretKey))
  const unsigned = { pubkey, created_at: 1_700_000_000, kind: 1, tags: [], content: '', ...fields }
  const id = computeEventId(unsigned)
  return { ...unsigned, id, sig: bytesToHex(schnorr.sign(hexToBytes(id), secretKey)) }
}

/** The plain way to check signatures, slow and obviously right. */
export function verifyPlainly(events: readonly NostrEvent[]): readonly boolean[] {
  return events.map(({ sig, id, pubkey }) =>
    schnorr.verify(hexToBytes(sig), hexToBytes(id), hexToBytes(pubkey)),
  )
}
