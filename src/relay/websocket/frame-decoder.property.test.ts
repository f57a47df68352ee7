import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameDecoder, type FrameSink } from './frame-decoder.ts'
import { opcodes } from './frames.ts'
import { clientFrame } from './testing.ts'

const maxMessageBytes = 70_000

const recordingSink: FrameSink<string[]> = {
  onText: (log, buffer, start, end) => log.push(`text ${buffer.toString('utf8', start, end)}`),
  onBinary: (log) => log.push('binary'),
  onPing: (log, payload) => log.push(`ping ${payload.toString('hex')}`),
  onPong: (log) => log.push('pong'),
  onCloseFrame: (log, code) => log.push(`close ${code}`),
  onViolation: (log, code) => log.push(`violation ${code}`),
}

const mask = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
const shortText = fc.string({ unit: 'grapheme', maxLength: 200 })
const longText = fc
  .tuple(fc.string({ minLength: 1, maxLength: 3 }), fc.constantFrom(125, 126, 127, 4096, 65_535, 65_536))
  .map(([seed, length]) => seed.repeat(length).slice(0, length))
const controlPayload = fc.uint8Array({ maxLength: 125 })

interface Message {
  readonly text: string
  /** Where to cut it into fragments, as parts of its length. */
  readonly cuts: readonly number[]
  /** Payload of a ping before each fragment. */
  readonly ping: Uint8Array | null
  readonly mask: [number, number, number, number]
}

const message: fc.Arbitrary<Message> = fc.record({
  text: fc.oneof({ weight: 4, arbitrary: shortText }, { weight: 1, arbitrary: longText }),
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
  ping: fc.option(controlPayload),
  mask,
})

function framesOf({ text, cuts, ping, mask }: Message): Buffer[] {
  const payload = Buffer.from(text)
  const bounds = [
    ...cuts.map((cut) => Math.floor(cut * payload.length)).sort((a, b) => a - b),
    payload.length,
  ]
  return bounds.flatMap((end, index) => {
    const part = payload.subarray(bounds[index - 1] ?? 0, end)
    const opcode = index === 0 ? opcodes.text : opcodes.continuation
    const frame = clientFrame({ opcode, payload: part, isFinal: index === bounds.length - 1, mask })
    return ping === null
      ? [frame]
      : [clientFrame({ opcode: opcodes.ping, payload: Buffer.from(ping), mask }), frame]
  })
}

function expectedOf({ text, cuts, ping }: Message): string[] {
  const pings = ping === null ? [] : cuts.concat(0).map(() => `ping ${Buffer.from(ping).toString('hex')}`)
  return [...pings, `text ${Buffer.from(text)}`]
}

/** Cuts `bytes` into chunks of the given lengths, over and over; each chunk is memory of its own. */
function chunksOf(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const end = Math.min(bytes.length, at + lengths[turn % lengths.length]!)
    chunks.push(Buffer.from(bytes.subarray(at, end)))
    at = end
  }
  return chunks
}

const chunkLengths = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 70_000 })),
  {
    minLength: 1,
    maxLength: 10,
  },
)

test('messages come out as they went in, however they were fragmented and cut into chunks', () => {
  fc.assert(
    fc.property(fc.array(message, { maxLength: 8 }), chunkLengths, (messages, lengths) => {
      const log: string[] = []
      const decoder = new FrameDecoder(log, recordingSink, maxMessageBytes)
      for (const chunk of chunksOf(Buffer.concat(messages.flatMap(framesOf)), lengths)) decoder.push(chunk)
      expect(log).toEqual(messages.flatMap(expectedOf))
    }),
    { numRuns: 300 },
  )
})

/** Bytes that look like frames often enough to get deep into the decoder. */
const plausibleBytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(
      fc.constantFrom(0x81, 0x01, 0x00, 0x80, 0x82, 0x02, 0x89, 0x8a, 0x88, 0xc1),
      fc.oneof(fc.integer({ min: 0x80, max: 0xff }), fc.nat(255)),
      fc.uint8Array({ maxLength: 160 }),
    )
    .map(([first, second, rest]) => Uint8Array.from([first, second, ...rest])),
)

test('whatever bytes arrive, in whatever chunks, the outcome is the same and nothing is thrown', () => {
  fc.assert(
    fc.property(fc.array(plausibleBytes, { maxLength: 12 }), chunkLengths, (parts, lengths) => {
      const bytes = Buffer.concat(parts)
      const whole: string[] = []
      new FrameDecoder(whole, recordingSink, 500).push(Buffer.from(bytes))
      const cut: string[] = []
      const decoder = new FrameDecoder(cut, recordingSink, 500)
      for (const chunk of chunksOf(bytes, lengths)) decoder.push(chunk)
      expect(cut).toEqual(whole)
    }),
    { numRuns: 2_000 },
  )
})

test('a million tiny fragments take no more memory than the message may have', () => {
  const log: string[] = []
  const decoder = new FrameDecoder(log, recordingSink, maxMessageBytes)
  const fragment = clientFrame({ opcode: opcodes.continuation, payload: '', isFinal: false })
  const chunk = Buffer.concat(Array.from({ length: 1_000 }, () => fragment))
  decoder.push(clientFrame({ payload: 'x', isFinal: false }))
  const before = memoryBytes()
  for (let turn = 0; turn < 1_000; turn++) decoder.push(Buffer.from(chunk))
  expect(memoryBytes() - before).toBeLessThan(64 * 2 ** 20)
  decoder.push(clientFrame({ opcode: opcodes.continuation, payload: 'y' }))
  expect(log).toEqual(['text xy'])
})

function memoryBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
