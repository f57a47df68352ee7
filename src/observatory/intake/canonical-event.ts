import { isAscii, isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import { MAX_KIND, type NostrEvent } from '../../nostr/index.ts'
import { newEventSpans, scanEvent } from './event-scan.ts'

/** Longer messages are read the plain way: they are few. */
export const MAX_CANONICAL_BYTES = 65_536
const BEGIN = Buffer.from('[0,')
const COMMA = 0x2c
const CLOSING_BRACKET = 0x5d
/** A public key and its quotes. */
const PUBKEY_BYTES = 66

/**
 * The quick reading of events that are spelled as `JSON.stringify` spells them, as nearly all are. What is hashed to
 * an id (NIP-01) is made of the same bytes then, so nothing has to be written out again; and what has been scanned
 * needs no validation. What `parseFrame` and `computeEventId` say is the meaning: for whatever `read` takes,
 * both agree with them (`canonical-event.property.test.ts`).
 */
export class CanonicalReader {
  readonly #spans = newEventSpans()
  /** No longer than the event: its members have names there. */
  readonly #preimage = Buffer.alloc(MAX_CANONICAL_BYTES)

  /**
   * Reads the event that begins at `at` and ends one byte before the data, with the bracket of its message.
   * Undefined when it must be read the plain way.
   */
  read(data: Buffer, at: number): NostrEvent | undefined {
    const end = data.length - 1
    const spans = this.#spans
    if (end <= at || end >= MAX_CANONICAL_BYTES) return undefined
    if (scanEvent(data, at, spans) !== end) return undefined
    const isBeyondAscii = !isAscii(data)
    if (isBeyondAscii && !isUtf8(data)) return undefined
    const text = data.toString(isBeyondAscii ? 'utf8' : 'latin1', at, end)
    const { id, pubkey, created_at, kind, tags, content, sig }: NostrEvent = JSON.parse(text)
    // In one order, whatever that of the relay: objects of one shape are quicker for everybody who reads them.
    return kind > MAX_KIND ? undefined : { id, pubkey, created_at, kind, tags, content, sig }
  }

  /** The id that the event must have which was read last, from the same bytes. */
  computeId(data: Buffer): string {
    const { pubkeyAt, createdAtAt, createdAtEnd, kindAt, kindEnd } = this.#spans
    const { tagsAt, tagsEnd, contentAt, contentEnd } = this.#spans
    const preimage = this.#preimage
    let end = BEGIN.copy(preimage)
    end += data.copy(preimage, end, pubkeyAt, pubkeyAt + PUBKEY_BYTES)
    preimage[end++] = COMMA
    for (let at = createdAtAt; at < createdAtEnd; at++) preimage[end++] = data[at]!
    preimage[end++] = COMMA
    for (let at = kindAt; at < kindEnd; at++) preimage[end++] = data[at]!
    preimage[end++] = COMMA
    end += data.copy(preimage, end, tagsAt, tagsEnd)
    preimage[end++] = COMMA
    end += data.copy(preimage, end, contentAt, contentEnd)
    preimage[end++] = CLOSING_BRACKET
    return hash('sha256', preimage.subarray(0, end))
  }
}
