/**
 * The least of RFC 6455 that a load needs, so that the relay and not the load is what a measurement measures:
 * frames are built once before it, and what comes back is cut into messages without being decoded.
 */

/** Frame types (RFC 6455, 5.2). */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const FIN = 0x80
const MASKED = 0x80
const MASK_BYTES = 4
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024

/**
 * One whole message as a client sends it. The mask is zero: legal, and the payload stays readable in place.
 */
export function clientFrame(payload: string | Uint8Array, opcode: number = OPCODE.text): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  const frame = Buffer.alloc(clientHeaderBytes(bytes.length) + bytes.length)
  frame.set(bytes, writeClientHeader(frame, 0, bytes.length, opcode))
  return frame
}

/** Bytes that `writeClientHeader` writes before a payload of this length. */
export function clientHeaderBytes(payloadBytes: number): number {
  return 2 + (payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 8) + MASK_BYTES
}

/** Writes the header of a final client frame at `at`; returns where its payload begins. */
export function writeClientHeader(target: Buffer, at: number, payloadBytes: number, opcode: number): number {
  let next = target.writeUInt8(FIN | opcode, at)
  if (payloadBytes < 126) {
    next = target.writeUInt8(MASKED | payloadBytes, next)
  } else if (payloadBytes < 65_536) {
    next = target.writeUInt8(MASKED | 126, next)
    next = target.writeUInt16BE(payloadBytes, next)
  } else {
    next = target.writeUInt8(MASKED | 127, next)
    next = target.writeBigUInt64BE(BigInt(payloadBytes), next)
  }
  return target.writeUInt32BE(0, next)
}

/** Takes a whole message; its bytes are `buffer[start … end)` and hold only until it returns. */
export type MessageHandler = (opcode: number, buffer: Buffer, start: number, end: number) => void

/**
 * Cuts a server's byte stream into messages. Frames that lie whole in a chunk are handed on where they lie; only
 * one that a chunk's end splits is copied, as are the fragments of a fragmented message.
 */
export class FrameScanner {
  readonly #onMessage: MessageHandler
  #carried = 0
  #carry = Buffer.allocUnsafe(4096)
  #fragments: Buffer[] = []
  #fragmentBytes = 0
  #fragmentedOpcode: number = OPCODE.text

  constructor(onMessage: MessageHandler) {
    this.#onMessage = onMessage
  }

  /**
   * Takes the next bytes, `chunk[at … end)`.
   *
   * @throws Error on a masked or compressed frame, or a message beyond 64 MiB.
   */
  push(chunk: Buffer, at: number, end: number): void {
    let next = this.#carried > 0 ? this.#completeCarried(chunk, at, end) : at
    while (next < end) {
      const bytes = frameBytes(chunk, next, end)
      if (bytes === 0 || next + bytes > end) break
      this.#take(chunk, next, next + bytes)
      next += bytes
    }
    if (next < end) this.#keep(chunk, next, end)
  }

  #completeCarried(chunk: Buffer, at: number, end: number): number {
    let next = at
    for (;;) {
      const bytes = frameBytes(this.#carry, 0, this.#carried)
      if (bytes > 0) {
        const taken = Math.min(bytes - this.#carried, end - next)
        this.#keep(chunk, next, next + taken)
        next += taken
        if (this.#carried < bytes) return next
        this.#carried = 0
        this.#take(this.#carry, 0, bytes)
        return next
      }
      // The header itself was split: byte by byte until it tells the length.
      if (next === end) return next
      this.#keep(chunk, next, next + 1)
      next += 1
    }
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const needed = this.#carried + to - from
    if (needed > this.#carry.length) {
      const larger = Buffer.allocUnsafe(2 ** Math.ceil(Math.log2(needed)))
      this.#carry.copy(larger, 0, 0, this.#carried)
      this.#carry = larger
    }
    chunk.copy(this.#carry, this.#carried, from, to)
    this.#carried = needed
  }

  #take(buffer: Buffer, start: number, end: number): void {
    const first = buffer[start]!
    const opcode = first & 0x0f
    const payload = start + headerBytes(buffer, start)
    const isWhole = (first & FIN) !== 0 && opcode !== OPCODE.continuation
    if (isWhole) this.#onMessage(opcode, buffer, payload, end)
    else this.#takeFragment(first, buffer, payload, end)
  }

  #takeFragment(first: number, buffer: Buffer, start: number, end: number): void {
    const opcode = first & 0x0f
    if (opcode !== OPCODE.continuation) this.#fragmentedOpcode = opcode
    this.#fragments.push(Buffer.from(buffer.subarray(start, end)))
    this.#fragmentBytes += end - start
    if (this.#fragmentBytes > MAX_MESSAGE_BYTES) throw new Error('The relay sent a message beyond 64 MiB.')
    if ((first & FIN) === 0) return
    const whole = Buffer.concat(this.#fragments)
    this.#fragments = []
    this.#fragmentBytes = 0
    this.#onMessage(this.#fragmentedOpcode, whole, 0, whole.length)
  }
}

function headerBytes(buffer: Buffer, at: number): number {
  const length = buffer[at + 1]!
  return length < 126 ? 2 : length === 126 ? 4 : 10
}

// The length of the whole frame that begins at `at`, or 0 when its header is not all there.
function frameBytes(buffer: Buffer, at: number, end: number): number {
  if (end - at < 2) return 0
  if ((buffer[at]! & 0x70) !== 0)
    throw new Error('The relay sent a compressed frame that was not negotiated.')
  const length = buffer[at + 1]!
  if (length < 126) return 2 + length
  if ((length & MASKED) !== 0) throw new Error('The relay sent a masked frame, which only a client may.')
  if (length === 126) return end - at < 4 ? 0 : 4 + buffer.readUInt16BE(at + 2)
  if (end - at < 10) return 0
  const bytes = Number(buffer.readBigUInt64BE(at + 2))
  if (bytes > MAX_MESSAGE_BYTES) throw new Error(`The relay sent a frame of ${bytes} bytes, beyond 64 MiB.`)
  return 10 + bytes
}
