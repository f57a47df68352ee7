/** The suite's own hashing and signing, so that it judges a relay without trusting that relay's code. */
import { hash, randomBytes } from 'node:crypto'
import { signSchnorr } from 'tiny-secp256k1'
import type { Draft, WireEvent } from './event.ts'
import type { Key } from './keys.ts'

export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex')
}

/** The preimage of the id (NIP-01): `JSON.stringify` writes exactly the escapes that relays agree on. */
export function preimageOf(pubkey: string, draft: Draft): string {
  return JSON.stringify([0, pubkey, draft.created_at, draft.kind, draft.tags, draft.content])
}

/**
 * BIP-340 signature over the 32 bytes of `id`, hex. By the WASM of libsecp256k1: a run signs thousands of events on the one
 * thread that also reads what relays answer, and in JavaScript each takes milliseconds.
 */
export function signId(key: Key, id: string): string {
  return Buffer.from(signSchnorr(Buffer.from(id, 'hex'), key.secret, randomBytes(32))).toString('hex')
}

export function signEvent(key: Key, draft: Draft): WireEvent {
  const id = sha256Hex(preimageOf(key.pubkey, draft))
  const { created_at, kind, tags, content } = draft
  return { id, pubkey: key.pubkey, created_at, kind, tags, content, sig: signId(key, id) }
}

/** JSON fragments for the members of an event, so that a row can write what `JSON.stringify` cannot. */
export interface RawParts {
  readonly created_at: string
  readonly kind: string
  readonly tags: string
  readonly content: string
}

/** An event whose id and signature are right for the fragments as written: only the fragments are at fault. */
export function signRaw(key: Key, parts: RawParts): { readonly id: string; readonly text: string } {
  const id = sha256Hex(`[0,"${key.pubkey}",${parts.created_at},${parts.kind},${parts.tags},${parts.content}]`)
  const text =
    `{"id":"${id}","pubkey":"${key.pubkey}","created_at":${parts.created_at},"kind":${parts.kind},` +
    `"tags":${parts.tags},"content":${parts.content},"sig":"${signId(key, id)}"}`
  return { id, text }
}

/** Leading zero bits of a hex id (NIP-13). */
export function difficultyOf(id: string): number {
  const firstDigit = id.search(/[^0]/)
  if (firstDigit < 0) return id.length * 4
  return firstDigit * 4 + Math.clz32(Number.parseInt(id.charAt(firstDigit), 16)) - 28
}

/**
 * Varies the last tag, `["nonce", n, target]`, until the id has at least `bits` leading zero bits; with
 * `exactly`, no more than these.
 */
export function mineEvent(
  key: Key,
  draft: Draft,
  { bits, target, exactly = false }: { bits: number; target: string | undefined; exactly?: boolean },
): WireEvent {
  for (let nonce = 0; ; nonce += 1) {
    const tag = target === undefined ? ['nonce', String(nonce)] : ['nonce', String(nonce), target]
    const attempt = { ...draft, tags: [...draft.tags, tag] }
    const found = difficultyOf(sha256Hex(preimageOf(key.pubkey, attempt)))
    if (exactly ? found === bits : found >= bits) return signEvent(key, attempt)
  }
}

/** Random hex of `bytes` bytes: an id or a tag value that nobody else uses. */
export function randomHex(bytes = 32): string {
  return randomBytes(bytes).toString('hex')
}
