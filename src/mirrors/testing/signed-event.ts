import { signSchnorr, xOnlyPointFromScalar } from 'tiny-secp256k1'
import { computeEventId, type EventSigner, type NostrEvent } from '../../nostr/index.ts'

const SECRET_KEY = new Uint8Array(32).fill(7)

/** The author of all events of these tests. */
export const AUTHOR = Buffer.from(xOnlyPointFromScalar(SECRET_KEY)).toString('hex')

export const authorSigner: EventSigner = {
  publicKey: AUTHOR,
  signSchnorr: (hash) => signSchnorr(hash, SECRET_KEY),
}

export type Draft = Partial<Omit<NostrEvent, 'id' | 'pubkey' | 'sig'>>

/** A signed note that states only what matters. */
export function signedEvent(draft: Draft = {}): NostrEvent {
  const unsigned = unsignedOf(draft)
  const id = computeEventId(unsigned)
  const signature = signSchnorr(Buffer.from(id, 'hex'), SECRET_KEY)
  return { ...unsigned, id, sig: Buffer.from(signature).toString('hex') }
}

/** An event that is put into a store without anybody looking at its signature, which is wrong: quicker by far. */
export function unsignedEvent(draft: Draft = {}): NostrEvent {
  const unsigned = unsignedOf(draft)
  const id = computeEventId(unsigned)
  return { ...unsigned, id, sig: id + id }
}

function unsignedOf(draft: Draft) {
  return { pubkey: AUTHOR, created_at: 1_700_000_000, kind: 1, tags: [], content: '', ...draft }
}
