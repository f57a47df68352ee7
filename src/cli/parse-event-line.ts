import { accepted, type Outcome, refused } from '../kernel/index.ts'
import { canonicalize, type NostrEvent, parseEvent } from '../nostr/index.ts'

export interface ParsedLine {
  readonly event: NostrEvent
  /** The canonical JSON, as the store takes it. */
  readonly bytes: Uint8Array
}

/**
 * Reads one line of an import: an event, `["EVENT", event]` or `["EVENT", "subscription", event]` as they travel, or
 * `{"event": event}` as some tools wrap it. Checks shape and id; the signature is checked later, in batches.
 */
export function parseEventLine(text: string): Outcome<ParsedLine, string> {
  const json = parseJson(text)
  if (!json.ok) return json
  const parsed = parseEvent(unwrapped(json.value))
  if (!parsed.ok) return refused(`invalid: ${parsed.refusal}`)
  const canonical = canonicalize(parsed.value)
  if (canonical.id !== parsed.value.id) return refused('invalid: id is not the hash of the event')
  return accepted({ event: parsed.value, bytes: Buffer.from(canonical.json) })
}

function parseJson(text: string): Outcome<unknown, string> {
  try {
    return accepted(JSON.parse(text))
  } catch {
    return refused('invalid: not JSON')
  }
}

function unwrapped(value: unknown): unknown {
  if (Array.isArray(value)) return value[0] === 'EVENT' ? value.at(-1) : value
  const isWrapper = typeof value === 'object' && value !== null && 'event' in value && !('id' in value)
  return isWrapper ? value.event : value
}
