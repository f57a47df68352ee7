import { accepted, type Outcome, refused } from '../kernel/index.ts'
import type { NostrEvent } from './event.ts'
import { isHex64, isHex128 } from './hex.ts'
import { isJsonObject } from './json-object.ts'
import { MAX_KIND } from './kinds.ts'

/**
 * Checks the shape of an event (NIP-01, "Events and signatures"): members, types and ranges, not that the
 * id is the hash (`canonicalize`) nor that the signature holds. Unknown members are dropped, strings with
 * lone surrogates refused: they have no UTF-8 form, so they have no hash either.
 *
 * The refusal is a text without a prefix, fit to be sent to the client after `invalid: `.
 *
 * @param value what `JSON.parse` made. The event returned shares its arrays and strings.
 */
export function parseEvent(value: unknown): Outcome<NostrEvent, string> {
  if (!isJsonObject(value)) return refused('an event must be a JSON object')
  const { id, pubkey, created_at, kind, tags, content, sig } = value
  if (!isHex64(id)) return refused('id must be 64 lowercase hex characters')
  if (!isHex64(pubkey)) return refused('pubkey must be 64 lowercase hex characters')
  if (!isIntegerUpTo(created_at, Number.MAX_SAFE_INTEGER)) {
    return refused(`created_at must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}`)
  }
  if (!isIntegerUpTo(kind, MAX_KIND)) return refused(`kind must be an integer from 0 to ${MAX_KIND}`)
  if (!areTags(tags)) return refused('tags must be an array of non-empty arrays of well-formed strings')
  if (typeof content !== 'string' || !content.isWellFormed()) {
    return refused('content must be a well-formed string')
  }
  if (!isHex128(sig)) return refused('sig must be 128 lowercase hex characters')
  // JSON can spell the number -0; added to 0 it is the 0 that will be hashed and stored.
  return accepted({ id, pubkey, created_at: created_at + 0, kind: kind + 0, tags, content, sig })
}

function isIntegerUpTo(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
}

function areTags(value: unknown): value is readonly (readonly string[])[] {
  if (!Array.isArray(value)) return false
  for (let index = 0; index < value.length; index += 1) {
    if (!isTag(value[index])) return false
  }
  return true
}

function isTag(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return false
  for (let index = 0; index < value.length; index += 1) {
    const member: unknown = value[index]
    if (typeof member !== 'string' || !member.isWellFormed()) return false
  }
  return true
}
