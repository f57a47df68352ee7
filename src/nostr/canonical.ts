import { hash } from 'node:crypto'
import type { NostrEvent } from './event.ts'

/**
 * The text whose UTF-8 bytes are hashed to the event's id (NIP-01): a JSON array without whitespace.
 * `JSON.stringify` writes the seven escapes of the NIP and, like nearly all implementations, the other
 * control characters as lowercase `\u00xx`; all else stays verbatim.
 */
export function serializeForId(event: UnidentifiedEvent): string {
  return preimageOf(event, JSON.stringify(event.tags), JSON.stringify(event.content))
}

/** The id that the event must have: lowercase hex SHA-256 of `serializeForId`. */
export function computeEventId(event: UnidentifiedEvent): string {
  return hash('sha256', serializeForId(event))
}

/**
 * The one JSON form in which Stoa stores and sends an event: members in the order of NIP-01, no whitespace,
 * escapes of `JSON.stringify`, nothing else in it. The client's own spelling is never passed on.
 */
export function encodeEvent(event: NostrEvent): string {
  return jsonOf(event, JSON.stringify(event.tags), JSON.stringify(event.content))
}

/**
 * `computeEventId` and `encodeEvent` in one step, for the path of every event: tags and content, most of the
 * bytes, are written once and serve both. `json` holds the id that the event claims; whether it is the `id`
 * returned here, the caller compares.
 */
export function canonicalize(event: NostrEvent): { readonly id: string; readonly json: string } {
  const tagsJson = JSON.stringify(event.tags)
  const contentJson = JSON.stringify(event.content)
  return {
    id: hash('sha256', preimageOf(event, tagsJson, contentJson)),
    json: jsonOf(event, tagsJson, contentJson),
  }
}

/** The members that the id is computed from. */
export type UnidentifiedEvent = Omit<NostrEvent, 'id' | 'sig'>

function preimageOf(event: UnidentifiedEvent, tagsJson: string, contentJson: string): string {
  return `[0,"${event.pubkey}",${event.created_at},${event.kind},${tagsJson},${contentJson}]`
}

// The id, pubkey and sig of a parsed event are hex, so they need no escaping.
function jsonOf(event: NostrEvent, tagsJson: string, contentJson: string): string {
  return `{"id":"${event.id}","pubkey":"${event.pubkey}","created_at":${event.created_at},"kind":${event.kind},"tags":${tagsJson},"content":${contentJson},"sig":"${event.sig}"}`
}
