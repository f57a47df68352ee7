import type { EventPage } from '../events/index.ts'
import type { NostrEvent } from '../nostr/index.ts'
import { frameHeaderLength, opcodes, writeFrameHeader } from './websocket/index.ts'

const CLOSING_BRACKET = 0x5d

/** `["EVENT","<subscription id>",`: what stands before the event in every frame of a subscription. */
export function eventPrefix(subscriptionId: string): Buffer {
  return Buffer.from(`["EVENT",${JSON.stringify(subscriptionId)},`)
}

/** Events at least this long are sent from where they are stored; shorter ones cost less to copy. */
const SENT_IN_PLACE_BYTES = 8_192

/**
 * The frames of a page of stored events, with `trailer` (an encoded frame) behind them, as pieces to be sent in
 * this order. The event bytes are sent as they are stored.
 *
 * @param reserve gives memory for what is copied (`Flusher.reserve`).
 */
export function encodePage(
  prefix: Buffer,
  page: EventPage,
  trailer: Buffer | undefined,
  reserve: (bytes: number) => Buffer,
): readonly Buffer[] {
  const copied = reserve(copiedLength(prefix, page) + (trailer?.length ?? 0))
  const pieces: Buffer[] = []
  let pieceStart = 0
  let at = 0
  for (let index = 0; index < page.count; index++) {
    const length = page.byteLengthAt(index)
    at = writeFrameHeader(copied, at, opcodes.text, prefix.length + length + 1)
    copied.set(prefix, at)
    at += prefix.length
    if (length < SENT_IN_PLACE_BYTES) at += page.copyAt(index, copied, at)
    else {
      pieces.push(copied.subarray(pieceStart, at), page.viewAt(index))
      pieceStart = at
    }
    copied[at++] = CLOSING_BRACKET
  }
  if (trailer !== undefined) {
    copied.set(trailer, at)
    at += trailer.length
  }
  pieces.push(pieceStart === 0 && at === copied.length ? copied : copied.subarray(pieceStart, at))
  return pieces
}

/** Bytes of a page that are copied: everything but the long events. */
function copiedLength(prefix: Buffer, page: EventPage): number {
  let total = 0
  for (let index = 0; index < page.count; index++) {
    const length = page.byteLengthAt(index)
    const payload = prefix.length + length + 1
    total += frameHeaderLength(payload) + payload - (length < SENT_IN_PLACE_BYTES ? 0 : length)
  }
  return total
}

/** A new event on its way to subscribers. Each frame is built once for all subscriptions of the same id. */
export class LiveEvent {
  readonly event: NostrEvent
  /** Its sequence number in the store; infinite for an ephemeral event, which no query can have answered. */
  readonly seq: number
  /** Its canonical JSON. */
  readonly json: Uint8Array
  readonly #frames = new Map<string, Buffer>()

  constructor(event: NostrEvent, json: Uint8Array, seq: number) {
    this.event = event
    this.json = json
    this.seq = seq
  }

  frameFor(subscriptionId: string, prefix: Buffer): Buffer {
    let frame = this.#frames.get(subscriptionId)
    if (frame === undefined) {
      frame = this.#encode(prefix)
      this.#frames.set(subscriptionId, frame)
    }
    return frame
  }

  #encode(prefix: Buffer): Buffer {
    const payload = prefix.length + this.json.length + 1
    const frame = Buffer.allocUnsafe(frameHeaderLength(payload) + payload)
    let at = writeFrameHeader(frame, 0, opcodes.text, payload)
    frame.set(prefix, at)
    at += prefix.length
    frame.set(this.json, at)
    frame[at + this.json.length] = CLOSING_BRACKET
    return frame
  }
}
