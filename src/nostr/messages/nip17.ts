/**
 * Direct messages of NIP-17: a message (kind 14) that nobody signs, in a seal (13) by its author, in a gift wrap (1059) by
 * a key that is used once (NIP-59). Relays see the wrap: for whom it is, and nothing else.
 */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js'
import { AppError, type Outcome } from '../../kernel/index.ts'
import { computeEventId } from '../canonical.ts'
import type { NostrEvent } from '../event.ts'
import { type EventSigner, finalizeEvent } from '../finalize-event.ts'
import { isHex64 } from '../hex.ts'
import { KINDS } from '../kinds.ts'
import { conversationKeyOf, encryptNip44, NIP44_NONCE_BYTES } from './nip44.ts'

/** Kind of the message itself. */
export const CHAT_MESSAGE_KIND = 14
/** Seals and wraps are dated up to so long ago, at random, so that their times say nothing (NIP-59). */
export const MAX_WRAP_AGE_SECONDS = 2 * 86_400
/** Relays of one person that a message goes to; "1-3 relays" is what NIP-17 advises lists to have. */
export const MAX_DIRECT_MESSAGE_RELAYS = 5

export interface DirectMessage {
  readonly text: string
  /** Lowercase hex. */
  readonly recipient: string
  /** The same text at the same time is the same message to the recipient's client, however often it is wrapped. */
  readonly createdAtSeconds: number
  readonly subject?: string
}

export interface WrapTools {
  /** Of the author. */
  readonly signer: EventSigner
  /** What the author shares with the recipient (`conversationKeyOf`); only the author's signer can tell it. */
  readonly conversationKey: Uint8Array
  readonly nowSeconds: number
  /** So many random bytes, fit for keys. */
  readonly randomBytes: (bytes: number) => Uint8Array
}

/** The gift wrap to be published at the recipient's relays. Throws `INTERNAL` for a text that is too long to be encrypted. */
export async function wrapDirectMessage(message: DirectMessage, tools: WrapTools): Promise<NostrEvent> {
  const { signer, conversationKey, randomBytes } = tools
  const sealed = encrypted(JSON.stringify(rumorOf(message, signer.publicKey)), conversationKey, randomBytes)
  const seal = await finalizeEvent(
    { kind: KINDS.SEAL, created_at: someTimeAgo(tools), tags: [], content: sealed },
    signer,
  )
  const { ephemeral, secretKey } = throwawayKey(randomBytes)
  const wrapKey = conversationKeyOf(secretKey, message.recipient)
  const content = encrypted(JSON.stringify(seal), mustBe(wrapKey), randomBytes)
  const tags = [['p', message.recipient]]
  return finalizeEvent({ kind: KINDS.GIFT_WRAP, created_at: someTimeAgo(tools), tags, content }, ephemeral)
}

/** The relays that somebody wants direct messages at, by their list (kind 10050), in its order. */
export function directMessageRelays(list: Pick<NostrEvent, 'tags'>): readonly string[] {
  const urls = list.tags.flatMap(([name, url]) => (name === 'relay' && url !== undefined ? [url] : []))
  const valid = urls.filter((url) => /^wss?:$/.test(URL.parse(url)?.protocol ?? ''))
  return [...new Set(valid)].slice(0, MAX_DIRECT_MESSAGE_RELAYS)
}

/** Kind 14 has an id and no signature, so that it cannot be shown to others as proof. */
function rumorOf({ text, recipient, createdAtSeconds, subject }: DirectMessage, pubkey: string) {
  const rumor = {
    pubkey,
    created_at: createdAtSeconds,
    kind: CHAT_MESSAGE_KIND,
    tags: [['p', recipient], ...(subject === undefined ? [] : [['subject', subject]])],
    content: text,
  }
  return { id: computeEventId(rumor), ...rumor }
}

function encrypted(text: string, key: Uint8Array, randomBytes: WrapTools['randomBytes']): string {
  return mustBe(encryptNip44(text, key, randomBytes(NIP44_NONCE_BYTES)))
}

function mustBe<T>(outcome: Outcome<T, string>): T {
  if (outcome.ok) return outcome.value
  throw new AppError('INTERNAL', `A direct message cannot be wrapped: ${outcome.refusal}.`)
}

function someTimeAgo({ nowSeconds, randomBytes }: WrapTools): number {
  const random = Buffer.from(randomBytes(4)).readUInt32BE() / 2 ** 32
  return nowSeconds - Math.floor(random * MAX_WRAP_AGE_SECONDS)
}

function throwawayKey(randomBytes: WrapTools['randomBytes']) {
  const secretKey = secp256k1.utils.randomSecretKey(randomBytes(48))
  const ephemeral: EventSigner = {
    publicKey: Buffer.from(schnorr.getPublicKey(secretKey)).toString('hex'),
    signSchnorr: (hash) => schnorr.sign(hash, secretKey, randomBytes(32)),
  }
  return { secretKey, ephemeral }
}

/** Is this somebody whom a direct message can be sent to: a key that is a point of the curve? */
export function isPublicKey(hex: string): boolean {
  if (!isHex64(hex)) return false
  try {
    schnorr.utils.lift_x(BigInt(`0x${hex}`))
    return true
  } catch {
    return false
  }
}
