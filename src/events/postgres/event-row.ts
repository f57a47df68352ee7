import { addressOf, expirationOf, type NostrEvent } from '../../nostr/index.ts'
import { IndexedWords } from '../search/index.ts'
import { addressKey, tagKey } from './event-keys.ts'

/** An event on its way into the tables. */
export interface EventRow {
  readonly event: NostrEvent
  readonly raw: Uint8Array
  /** What `addressOf` says; undefined for a regular event. */
  readonly address: string | undefined
  /** The hash of the address. */
  readonly addressKey: string | undefined
}

/** @param raw canonical JSON, checked before it came here (see `EventStore.put`), so its shape is taken as it is. */
export function readEventRow(raw: Uint8Array): EventRow {
  const event = JSON.parse(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString()) as NostrEvent
  const address = addressOf(event)
  return { event, raw, address, addressKey: address === undefined ? undefined : addressKey(address) }
}

/** Seconds. A number that no `bigint` holds cannot come: `expirationOf` ends at 2^53-1. */
export function expiresAt({ event }: EventRow): number | undefined {
  return expirationOf(event)
}

/** The keys of the tags that filters can ask for, each once. */
export function tagKeysOf({ tags }: Pick<NostrEvent, 'tags'>): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const [name, value] of tags) {
    if (name !== undefined && value !== undefined && isLetter(name)) keys.add(tagKey(name, value))
  }
  return keys
}

/** The hashes of an event's words as PostgreSQL writes an `integer[]`; undefined when a search never finds it. */
export function wordsOf(event: NostrEvent): string | undefined {
  words.read(event)
  if (words.count === 0) return undefined
  // The column is signed, the hashes are not.
  return `{${new Int32Array(words.hashes.buffer, 0, words.count).join()}}`
}

/** Used within one call only. */
const words = new IndexedWords()

function isLetter(name: string): boolean {
  return /^[A-Za-z]$/.test(name)
}
