import { describe, expect, test } from 'vitest'
import { FrameDecoder, type FrameSink } from './frame-decoder.ts'
import { opcodes } from './frames.ts'
import { type ClientFrame, clientFrame, closePayload } from './testing.ts'

const maxMessageBytes = 1000

const recordingSink: FrameSink<string[]> = {
  onText: (log, buffer, start, end) => log.push(`text ${buffer.toString('utf8', start, end)}`),
  onBinary: (log) => log.push('binary'),
  onPing: (log, payload) => log.push(`ping ${payload}`),
  onPong: (log) => log.push('pong'),
  onCloseFrame: (log, code) => log.push(`close ${code}`),
  onViolation: (log, code) => log.push(`violation ${code}`),
}

function decode(...frames: (ClientFrame | Buffer)[]): string[] {
  const log: string[] = []
  const decoder = new FrameDecoder(log, recordingSink, maxMessageBytes)
  decoder.push(Buffer.concat(frames.map((frame) => (Buffer.isBuffer(frame) ? frame : clientFrame(frame)))))
  return log
}

const { text, continuation, binary, ping, pong, close } = opcodes

describe('messages', () => {
  test('in one chunk come in order, empty ones too', () => {
    expect(decode({ payload: 'one' }, { payload: '' }, { payload: 'three' })).toEqual([
      'text one',
      'text ',
      'text three',
    ])
  })

  test('in fragments are put together, and control frames between them are served at once', () => {
    expect(
      decode(
        { payload: 'frag', isFinal: false },
        { opcode: ping, payload: 'are you there' },
        { opcode: continuation, payload: '', isFinal: false },
        { opcode: pong },
        { opcode: continuation, payload: 'ment' },
        { payload: 'next' },
      ),
    ).toEqual(['ping are you there', 'pong', 'text fragment', 'text next'])
  })

  test('may have a character cut by a fragment', () => {
    const euro = Buffer.from('€')
    expect(
      decode(
        { payload: euro.subarray(0, 1), isFinal: false },
        { opcode: continuation, payload: euro.subarray(1) },
      ),
    ).toEqual(['text €'])
  })

  test('of binary kind are told without their payload, whole or fragmented', () => {
    expect(
      decode(
        { opcode: binary, payload: '\0\x01' },
        { opcode: binary, payload: Buffer.from([0xff]), isFinal: false },
        { opcode: continuation, payload: 'x' },
      ),
    ).toEqual(['binary', 'binary'])
  })

  test('that lie whole in a chunk are handed over in that chunk, not in a copy', () => {
    const chunk = clientFrame({ payload: 'here' })
    let received: Buffer | undefined
    const sink = { ...recordingSink, onText: (_: string[], buffer: Buffer) => (received = buffer) }
    new FrameDecoder([], sink, maxMessageBytes).push(chunk)
    expect(received).toBe(chunk)
  })
})

describe('the limit of a message', () => {
  const longest = 'x'.repeat(maxMessageBytes)

  test('is reached by one frame, or by fragments, of exactly that length', () => {
    expect(decode({ payload: longest })).toEqual([`text ${longest}`])
    expect(
      decode({ payload: 'x', isFinal: false }, { opcode: continuation, payload: longest.slice(1) }),
    ).toEqual([`text ${longest}`])
  })

  test.each([
    ['one frame', [{ payload: `${longest}x` }]],
    [
      'fragments',
      [
        { payload: longest, isFinal: false },
        { opcode: continuation, payload: 'x' },
      ],
    ],
    ['the header of a frame of 2^63 bytes', [Buffer.from('81ff7fffffffffffffff00000000', 'hex')]],
  ])('is passed by one byte more in %s', (_, frames: (ClientFrame | Buffer)[]) => {
    expect(decode(...frames, { payload: 'not read any more' })).toEqual(['violation 1009'])
  })
})

describe('a violation ends the stream:', () => {
  const next = { payload: 'not read any more' }
  test.each<[string, number, ClientFrame[]]>([
    ['a frame without a mask', 1002, [{ payload: 'x', isMasked: false }]],
    ['reserved bit 1', 1002, [{ reservedBits: 0x40 }]],
    ['reserved bit 2', 1002, [{ reservedBits: 0x20 }]],
    ['reserved bit 3 on a ping', 1002, [{ reservedBits: 0x10, opcode: ping }]],
    ['opcode 3', 1002, [{ opcode: 3 }]],
    ['opcode 7', 1002, [{ opcode: 7 }]],
    ['opcode 11', 1002, [{ opcode: 11 }]],
    ['a fragmented ping', 1002, [{ opcode: ping, isFinal: false }]],
    ['a ping of 126 bytes', 1002, [{ opcode: ping, payload: 'x'.repeat(126) }]],
    ['a continuation of nothing', 1002, [{ opcode: continuation }]],
    ['a text inside a fragmented text', 1002, [{ isFinal: false }, { opcode: text }]],
    ['a binary inside a fragmented text', 1002, [{ isFinal: false }, { opcode: binary }]],
    ['invalid UTF-8', 1007, [{ payload: Buffer.from('c328', 'hex') }]],
    ['a surrogate in UTF-8', 1007, [{ payload: Buffer.from('eda080', 'hex') }]],
    [
      'invalid UTF-8 in the last fragment',
      1007,
      [
        { payload: 'a', isFinal: false },
        { opcode: continuation, payload: Buffer.from([0x80]) },
      ],
    ],
    ['a close frame of one byte', 1002, [{ opcode: close, payload: 'x' }]],
    [
      'a close reason of invalid UTF-8',
      1007,
      [{ opcode: close, payload: closePayload(1000, Buffer.from([0xff])) }],
    ],
  ])('%s', (_, code, frames) => {
    expect(decode(...frames, next)).toEqual([`violation ${code}`])
  })

  test('an unmasked frame is noticed by its first two bytes', () => {
    expect(decode(Buffer.from('8105', 'hex'))).toEqual(['violation 1002'])
  })
})

describe('close frames', () => {
  test.each([1000, 1001, 1003, 1007, 1011, 1014, 3000, 3502, 4999])('with code %i are understood', (code) => {
    expect(decode({ opcode: close, payload: closePayload(code, 'bye') }, { payload: 'late' })).toEqual([
      `close ${code}`,
    ])
  })

  test.each([0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535])(
    'with code %i are invalid',
    (code) => {
      expect(decode({ opcode: close, payload: closePayload(code) })).toEqual(['violation 1002'])
    },
  )

  test('without a code mean "no status"', () => {
    expect(decode({ opcode: close })).toEqual(['close 1005'])
  })
})

test('a decoder that was ended while it delivers says no more, not even of the same chunk', () => {
  const log: string[] = []
  const sink: FrameSink<string[]> = {
    ...recordingSink,
    onText: (_, buffer, start, end) => {
      log.push(buffer.toString('utf8', start, end))
      decoder.end()
    },
  }
  const decoder = new FrameDecoder(log, sink, maxMessageBytes)
  decoder.push(Buffer.concat([clientFrame({ payload: 'one' }), clientFrame({ payload: 'two' })]))
  decoder.push(clientFrame({ payload: 'three' }))
  expect(log).toEqual(['one'])
})
