import { isUtf8 } from 'node:buffer'
import { opcodes } from './frames.ts'
import { unmask } from './unmask.ts'

/** What a decoder found, told to one object that serves many decoders; `owner` says whose frames they are. */
export interface FrameSink<Owner> {
  /** A whole text message, valid UTF-8, in `buffer[start … end)`. The bytes are good until this call returns. */
  onText(owner: Owner, buffer: Buffer, start: number, end: number): void
  /** A whole binary message; its payload is not kept. */
  onBinary(owner: Owner): void
  /** The payload is good until this call returns. */
  onPing(owner: Owner, payload: Buffer): void
  onPong(owner: Owner): void
  /** The peer's close frame; 1005 when it names no code. Nothing is decoded after it. */
  onCloseFrame(owner: Owner, code: number): void
  /** The stream is broken and nothing more is decoded; close it with `code` (1002, 1007 or 1009). */
  onViolation(owner: Owner, code: number, reason: string): void
}

const finalBit = 0x80
const reservedBits = 0x70
const opcodeBits = 0x0f
const controlBit = 0x08
const maskedBit = 0x80
const lengthBits = 0x7f
const finalText = finalBit | opcodes.text
const maskBytes = 4
const maxControlPayloadBytes = 125
/** The longest thing that must be seen whole: the header of a long frame, or a control frame. */
const maxUnitBytes = 2 + maskBytes + maxControlPayloadBytes
/** Returned instead of a position when a header or a control frame goes on in the next chunk. */
const incomplete = -1

/**
 * Turns the bytes of one client into messages (RFC 6455, section 5). A text message that came in one frame
 * and one chunk is unmasked where it lies and handed over without a copy or an allocation; only what is cut
 * by a chunk's end or sent in fragments is gathered, never more than `maxMessageBytes`. Between messages a
 * decoder holds no buffers.
 */
export class FrameDecoder<Owner> {
  private readonly owner: Owner
  private readonly sink: FrameSink<Owner>
  private readonly maxMessageBytes: number
  /** The first bytes of a header or control frame that the last chunk cut. */
  private cutUnit: Buffer | null = null
  /** A message of which fragments or bytes are still to come. */
  private message: PartialMessage | null = null
  private hasEnded = false

  /** @param maxMessageBytes the longest message accepted, in bytes of payload over all its fragments. */
  constructor(owner: Owner, sink: FrameSink<Owner>, maxMessageBytes: number) {
    this.owner = owner
    this.sink = sink
    this.maxMessageBytes = maxMessageBytes
  }

  /** Decodes what arrived. Unmasks in `chunk[0 … length)` itself, and keeps no reference to it. */
  push(chunk: Buffer, length = chunk.length): void {
    let at = 0
    if (this.message !== null && this.message.missingBytes > 0) {
      at = this.fillFrame(this.message, chunk, 0, length)
    } else if (this.cutUnit !== null) {
      at = this.resumeUnit(this.cutUnit, chunk, length)
    }
    while (at < length && !this.hasEnded) {
      const next = this.decodeFrame(chunk, at, length)
      if (next === incomplete) {
        this.cutUnit = Buffer.from(chunk.subarray(at, length))
        return
      }
      at = next
    }
  }

  /** Ignores everything from here on and lets go of what was gathered. */
  end(): void {
    this.hasEnded = true
    this.cutUnit = null
    this.message = null
  }

  /** Completes a unit that a chunk's end had cut; returns where in `chunk` to go on. */
  private resumeUnit(cutUnit: Buffer, chunk: Buffer, length: number): number {
    const borrowed = Math.min(length, maxUnitBytes - cutUnit.length)
    const joined = Buffer.concat([cutUnit, chunk.subarray(0, borrowed)])
    const next = this.decodeFrame(joined, 0, joined.length)
    if (next === incomplete) {
      this.cutUnit = joined
      return length
    }
    this.cutUnit = null
    const at = next - cutUnit.length
    const message = this.message
    return message !== null && message.missingBytes > 0 ? this.fillFrame(message, chunk, at, length) : at
  }

  /** Decodes one frame, or as much of a data frame as is there; returns where it ends, or `incomplete`. */
  private decodeFrame(buffer: Buffer, at: number, end: number): number {
    if (end - at < 2) return incomplete
    const first = buffer[at]!
    const second = buffer[at + 1]!
    if (first !== finalText || second < maskedBit || this.message !== null) {
      const violation = this.findViolation(first, second)
      if (violation !== undefined) return this.fail(1002, violation, end)
    }

    const shortLength = second & lengthBits
    const maskAt = at + (shortLength < 126 ? 2 : shortLength === 126 ? 4 : 10)
    const payloadAt = maskAt + maskBytes
    if (payloadAt > end) return incomplete
    const payloadLength = shortLength < 126 ? shortLength : readLength(buffer, at + 2, shortLength)

    if ((first & controlBit) !== 0) {
      if (payloadAt + payloadLength > end) return incomplete
      this.handleControlFrame(first & opcodeBits, buffer, payloadAt, payloadAt + payloadLength)
      return payloadAt + payloadLength
    }
    const gatheredBytes = this.message === null ? 0 : this.message.length
    if (gatheredBytes + payloadLength > this.maxMessageBytes) {
      return this.fail(1009, `message is longer than ${this.maxMessageBytes} bytes`, end)
    }
    const payloadEnd = payloadAt + payloadLength
    if (first === finalText && payloadEnd <= end) {
      const isAscii = unmask(buffer, payloadAt, payloadEnd, buffer, maskAt)
      this.deliverText(buffer, payloadAt, payloadEnd, isAscii)
      return payloadEnd
    }
    this.message ??= new PartialMessage((first & opcodeBits) === opcodes.text)
    this.message.startFrame(payloadLength, buffer, maskAt, first >= finalBit, this.maxMessageBytes)
    return this.fillFrame(this.message, buffer, payloadAt, end)
  }

  /** What is wrong with a frame by its first two bytes, or undefined. */
  private findViolation(first: number, second: number): string | undefined {
    const opcode = first & opcodeBits
    if ((first & reservedBits) !== 0) return 'reserved bits are set'
    if (second < maskedBit) return 'frame is not masked'
    if (opcode > opcodes.pong || (opcode > opcodes.binary && opcode < opcodes.close)) return 'unknown opcode'
    if (opcode >= opcodes.close) {
      if (first < finalBit) return 'control frame is fragmented'
      return (second & lengthBits) > maxControlPayloadBytes ? 'control frame is too long' : undefined
    }
    if (opcode === opcodes.continuation) {
      return this.message === null ? 'continuation of no message' : undefined
    }
    return this.message === null ? undefined : 'new message inside a fragmented one'
  }

  private handleControlFrame(opcode: number, buffer: Buffer, start: number, end: number): void {
    unmask(buffer, start, end, buffer, start - maskBytes)
    if (opcode === opcodes.ping) this.sink.onPing(this.owner, buffer.subarray(start, end))
    else if (opcode === opcodes.pong) this.sink.onPong(this.owner)
    else this.handleCloseFrame(buffer.subarray(start, end))
  }

  private handleCloseFrame(payload: Buffer): void {
    if (payload.length === 0) {
      this.end()
      this.sink.onCloseFrame(this.owner, 1005)
      return
    }
    const code = payload.length === 1 ? 0 : payload.readUInt16BE(0)
    if (!isCloseCodeOnTheWire(code)) {
      this.fail(1002, 'invalid close code', 0)
    } else if (!isUtf8(payload.subarray(2))) {
      this.fail(1007, 'close reason is not valid UTF-8', 0)
    } else {
      this.end()
      this.sink.onCloseFrame(this.owner, code)
    }
  }

  /** Takes what `chunk[at … end)` has of the frame in progress; returns where the rest of the chunk begins. */
  private fillFrame(message: PartialMessage, chunk: Buffer, at: number, end: number): number {
    const taken = message.take(chunk, at, end)
    if (message.missingBytes === 0 && message.isLastFrame) {
      this.message = null
      if (message.isText) this.deliverText(message.bytes, 0, message.length, message.isAscii)
      else this.sink.onBinary(this.owner)
    }
    return at + taken
  }

  private deliverText(buffer: Buffer, start: number, end: number, isAscii: boolean): void {
    if (!isAscii && !isUtf8(buffer.subarray(start, end))) this.fail(1007, 'text is not valid UTF-8', 0)
    else this.sink.onText(this.owner, buffer, start, end)
  }

  private fail(code: number, reason: string, position: number): number {
    this.end()
    this.sink.onViolation(this.owner, code, reason)
    return position
  }
}

/** A message that is still arriving. Its buffer is as long as its first frame, and doubles for fragments. */
class PartialMessage {
  readonly isText: boolean
  bytes = Buffer.alloc(0)
  /** Bytes of payload gathered so far. */
  length = 0
  /** Bytes that the frame in progress still lacks; 0 between fragments. */
  missingBytes = 0
  isLastFrame = false
  isAscii = true
  private frameAt = 0
  private mask = Buffer.alloc(0)

  constructor(isText: boolean) {
    this.isText = isText
  }

  startFrame(
    payloadLength: number,
    header: Buffer,
    maskAt: number,
    isLastFrame: boolean,
    maxBytes: number,
  ): void {
    const needed = this.length + payloadLength
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.min(maxBytes, this.length * 2)))
      this.bytes.copy(grown, 0, 0, this.length)
      this.bytes = grown
    }
    this.frameAt = this.length
    this.missingBytes = payloadLength
    this.mask = Buffer.from(header.subarray(maskAt, maskAt + maskBytes))
    this.isLastFrame = isLastFrame
  }

  /** Copies what is there of the frame's payload, and unmasks it when it is whole; returns how much it took. */
  take(chunk: Buffer, at: number, end: number): number {
    const taken = Math.min(this.missingBytes, end - at)
    chunk.copy(this.bytes, this.length, at, at + taken)
    this.length += taken
    this.missingBytes -= taken
    if (this.missingBytes === 0) {
      const frameIsAscii = unmask(this.bytes, this.frameAt, this.length, this.mask, 0)
      this.isAscii &&= frameIsAscii
    }
    return taken
  }
}

/** The 16- or 64-bit payload length at `at`. */
function readLength(buffer: Buffer, at: number, marker: number): number {
  if (marker === 126) return (buffer[at]! << 8) | buffer[at + 1]!
  return buffer.readUInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4)
}

/** May a peer send this code (RFC 6455, section 7.4, and the registry of IANA)? */
function isCloseCodeOnTheWire(code: number): boolean {
  if (code >= 3000) return code <= 4999
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
}
