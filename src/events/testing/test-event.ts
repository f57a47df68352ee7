import { createHash } from 'node:crypto'
import { computeEventId, encodeEvent, type NostrEvent } from '../../nostr/index.ts'

/** The second that tests call now, unless they say otherwise. */
export const NOW_SECONDS = 1_700_000_000

/** The same made-up public key for the same name, every time. Nobody holds its secret key. */
export function pubkeyOf(name: string): string {
  return createHash('sha256').update(`author ${name}`).digest('hex')
}

export const alice = pubkeyOf('alice')
export const bob = pubkeyOf('bob')
export const carol = pubkeyOf('carol')

/**
 * An event that states only what matters: by default an empty note (kind 1) of Alice, written at
 * `NOW_SECONDS`. Its id is right, its signature is not: engines store what was verified before.
 *
 * @example testEvent({ kind: 5, pubkey: bob, tags: [['e', note.id]] })
 */
export function testEvent(fields: Partial<Omit<NostrEvent, 'id' | 'sig'>> = {}): NostrEvent {
  const unsigned = { pubkey: alice, created_at: NOW_SECONDS, kind: 1, tags: [], content: '', ...fields }
  const id = computeEventId(unsigned)
  return { id, ...unsigned, sig: id + id }
}

/** The canonical bytes that an engine is given. */
export function bytesOf(event: NostrEvent): Uint8Array {
  return Buffer.from(encodeEvent(event))
}
