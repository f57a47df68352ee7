import fc from 'fast-check'
import { expect, test } from 'vitest'
import { clientFrame, FrameScanner, OPCODE } from './frames.ts'

/** A frame as a server sends it (RFC 6455, 5.2): no mask. */
function serverFrame(payload: Buffer, first = 0x80 | OPCODE.text): Buffer {
  if (payload.length < 126) return Buffer.concat([Buffer.from([first, payload.length]), payload])
  const header = Buffer.alloc(payload.length < 65_536 ? 4 : 10)
  header[0] = first
  header[1] = payload.length < 65_536 ? 126 : 127
  if (payload.length < 65_536) header.writeUInt16BE(payload.length, 2)
  else header.writeBigUInt64BE(BigInt(payload.length), 2)
  return Buffer.concat([header, payload])
}

/** What a scanner makes of a stream that arrives in chunks of these sizes, in turn, each at an offset. */
function scan(stream: Buffer, chunkSizes: readonly number[]): { opcode: number; text: string }[] {
  const messages: { opcode: number; text: string }[] = []
  const scanner = new FrameScanner((opcode, buffer, start, end) => {
    messages.push({ opcode, text: buffer.toString('latin1', start, end) })
  })
  const readBuffer = Buffer.alloc(100_000)
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const size = Math.min(stream.length - at, chunkSizes[turn % chunkSizes.length]!)
    stream.copy(readBuffer, 3, at, at + size)
    scanner.push(readBuffer, 3, 3 + size)
    at += size
  }
  return messages
}

test('however the stream is cut into chunks, the messages are the same', () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.constantFrom(125, 126, 127, 65_535, 65_536, 70_000).map((size) => new Uint8Array(size).fill(size)),
  )
  fc.assert(
    fc.property(
      fc.array(payload, { minLength: 1, maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }),
      (payloads, chunkSizes) => {
        const stream = Buffer.concat(payloads.map((bytes) => serverFrame(Buffer.from(bytes))))
        const expected = payloads.map((bytes) => ({
          opcode: OPCODE.text,
          text: Buffer.from(bytes).toString('latin1'),
        }))
        expect(scan(stream, chunkSizes)).toEqual(expected)
      },
    ),
    { numRuns: 60 },
  )
})

test('fragments become one message, and a ping between them stays apart', () => {
  const stream = Buffer.concat([
    serverFrame(Buffer.from('["EO'), OPCODE.text),
    serverFrame(Buffer.from('?'), 0x80 | OPCODE.ping),
    serverFrame(Buffer.from('SE","a"]'), 0x80 | OPCODE.continuation),
  ])
  expect(scan(stream, [5])).toEqual([
    { opcode: OPCODE.ping, text: '?' },
    { opcode: OPCODE.text, text: '["EOSE","a"]' },
  ])
})

test('a masked or compressed frame from a server is an error, not a message', () => {
  expect(() => scan(clientFrame('["EOSE","a"]'), [100])).toThrow(/masked/)
  expect(() => scan(serverFrame(Buffer.from('x'), 0xc1), [100])).toThrow(/compressed/)
})

test.each([0, 125, 126, 65_535, 65_536])(
  'a client frame of %i bytes says its length, FIN and mask',
  (size) => {
    const frame = clientFrame('a'.repeat(size))
    const lengthBytes = size < 126 ? 0 : size < 65_536 ? 2 : 8
    expect(frame[0]).toBe(0x81)
    expect(frame[1]! & 0x80).toBe(0x80)
    expect(frame.length).toBe(2 + lengthBytes + 4 + size)
    expect(frame.toString('latin1', frame.length - size)).toBe('a'.repeat(size))
  },
)
