import type { NostrEvent } from './event.ts'
import { isJsonObject } from './json-object.ts'
import { KINDS } from './kinds.ts'

/** May only its author publish it (NIP-70)? The name of a tag decides, whatever follows it. */
export function isProtected(event: Pick<NostrEvent, 'tags'>): boolean {
  return event.tags.some(([name]) => name === '-')
}

/**
 * Is it a repost (kinds 6 and 16) that carries a protected event in its content, and so would publish it
 * behind its author's back (NIP-70)? Content that is no event carries nothing.
 */
export function embedsProtected(event: Pick<NostrEvent, 'kind' | 'content'>): boolean {
  if (event.kind !== KINDS.REPOST && event.kind !== KINDS.GENERIC_REPOST) return false
  const embedded = parseJson(event.content)
  if (!isJsonObject(embedded) || !Array.isArray(embedded.tags)) return false
  return embedded.tags.some((tag: unknown) => Array.isArray(tag) && tag[0] === '-')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
