import { randomBytes } from 'node:crypto'
import type { Clock } from '../../kernel/index.ts'
import type { EventSigner, NostrEvent } from '../../nostr/index.ts'
import { wrapDirectMessage } from '../../nostr/messages/index.ts'
import type { AlertMessage } from './context.ts'

export interface DirectMessagesDeps {
  /** The key that alerts come from. */
  readonly signer: EventSigner
  /** What this key and another one share (NIP-44); `conversationKeyOf` where the secret key is at hand. */
  readonly conversationKey: (pubkey: string) => Promise<Uint8Array>
  /** The relays that somebody wants direct messages at (kind 10050, `directMessageRelays`); empty when not known. */
  readonly relaysOf: (pubkey: string) => Promise<readonly string[]>
  /** Hands an event to these relays, to our own when there are none; resolves when one has taken it. */
  readonly publish: (event: NostrEvent, relays: readonly string[]) => Promise<void>
  readonly clock: Clock
}

/** Sends alerts as direct messages (NIP-17). A message that is sent twice has one id, by which clients show it once. */
export function createDirectMessages({
  signer,
  conversationKey,
  relaysOf,
  publish,
  clock,
}: DirectMessagesDeps): (message: AlertMessage) => Promise<void> {
  return async (message) => {
    const wrap = await wrapDirectMessage(message, {
      signer,
      conversationKey: await conversationKey(message.recipient),
      nowSeconds: clock.nowSeconds(),
      randomBytes,
    })
    await publish(wrap, await relaysOf(message.recipient))
  }
}
