/** Frames as a server writes them (RFC 6455, section 5.2): never masked, never fragmented, no extension bits. */

export const opcodes = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const

export type Opcode = (typeof opcodes)[keyof typeof opcodes]

const finalFragmentBit = 0x80
const maxLengthIn7Bits = 125
const maxLengthIn16Bits = 0xffff
const marker16Bits = 126
const marker64Bits = 127
const maxControlPayloadBytes = 125

/** Bytes that the header of a server frame takes: 2, 4 or 10. */
export function frameHeaderLength(payloadLength: number): number {
  if (payloadLength <= maxLengthIn7Bits) return 2
  return payloadLength <= maxLengthIn16Bits ? 4 : 10
}

/** Writes the header of a final frame into `target` at `at`; returns where its payload begins. */
export function writeFrameHeader(target: Buffer, at: number, opcode: Opcode, payloadLength: number): number {
  target[at] = finalFragmentBit | opcode
  if (payloadLength <= maxLengthIn7Bits) {
    target[at + 1] = payloadLength
    return at + 2
  }
  if (payloadLength <= maxLengthIn16Bits) {
    target[at + 1] = marker16Bits
    target[at + 2] = payloadLength >>> 8
    target[at + 3] = payloadLength & 0xff
    return at + 4
  }
  target[at + 1] = marker64Bits
  target.writeUInt32BE(Math.floor(payloadLength / 0x1_0000_0000), at + 2)
  target.writeUInt32BE(payloadLength >>> 0, at + 6)
  return at + 10
}

/** One text message as one frame. Lone surrogates become U+FFFD, so the payload is always valid UTF-8. */
export function encodeTextFrame(text: string): Buffer {
  const payloadLength = Buffer.byteLength(text)
  const frame = Buffer.allocUnsafe(frameHeaderLength(payloadLength) + payloadLength)
  frame.write(text, writeFrameHeader(frame, 0, opcodes.text, payloadLength))
  return frame
}

/** A ping or pong. @param payload at most 125 bytes. */
export function encodeControlFrame(
  opcode: typeof opcodes.ping | typeof opcodes.pong,
  payload: Buffer,
): Buffer {
  const frame = Buffer.allocUnsafe(2 + payload.length)
  payload.copy(frame, writeFrameHeader(frame, 0, opcode, payload.length))
  return frame
}

/**
 * A close frame (RFC 6455, section 5.5.1). The reason is cut, between characters, to the 123 bytes that fit.
 *
 * @param code 1005 ("no status") must not be sent; for it the frame carries no payload.
 */
export function encodeCloseFrame(code: number, reason: string): Buffer {
  if (code === 1005) return Buffer.from([finalFragmentBit | opcodes.close, 0])
  const frame = Buffer.alloc(2 + maxControlPayloadBytes)
  // `write` never stores half a character, so what it could not fit is cut where it should be.
  const payloadLength = 2 + frame.write(reason, 4)
  frame.writeUInt16BE(code, writeFrameHeader(frame, 0, opcodes.close, payloadLength))
  return frame.subarray(0, 2 + payloadLength)
}
