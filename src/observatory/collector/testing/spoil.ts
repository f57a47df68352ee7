/** Events as relays that lie would send them. */
import { randomBytes } from 'node:crypto'
import { signSchnorr, xOnlyPointFromScalar } from 'tiny-secp256k1'
import { computeEventId, type NostrEvent } from '../../../nostr/index.ts'

/** Its id is not its hash. */
export function withForgedId(event: NostrEvent): NostrEvent {
  return { ...event, content: `${event.content} (altered)` }
}

/** Everything is right but the signature. */
export function withWrongSignature(event: NostrEvent): NostrEvent {
  return { ...event, sig: event.id + event.id }
}

/** An event that holds, by a key that was never seen before. */
export function eventOfNewKey(
  draft: Partial<Pick<NostrEvent, 'created_at' | 'kind' | 'content' | 'tags'>>,
): NostrEvent {
  const secret = randomBytes(32)
  secret[0] = 1
  const unsigned = {
    pubkey: Buffer.from(xOnlyPointFromScalar(secret)).toString('hex'),
    created_at: Math.floor(Date.now() / 1_000),
    kind: 1,
    tags: [],
    content: '',
    ...draft,
  }
  const id = computeEventId(unsigned)
  return { ...unsigned, id, sig: Buffer.from(signSchnorr(Buffer.from(id, 'hex'), secret)).toString('hex') }
}
