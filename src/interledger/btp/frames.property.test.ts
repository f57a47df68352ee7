import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyData, fuzz } from '../packet/testing/index.ts'
import { authMessage } from './auth.ts'
import { type BtpFrame, decodeBtpFrame, encodeBtpFrame, generalizedTime, type SubProtocol } from './frames.ts'

const PLAIN = { noNullPrototype: true }
const FUZZED_INPUTS = 100_000

const anyText = fc.string({ unit: 'grapheme-ascii', maxLength: 200 })
const anyRequestId = fc.oneof(fc.constantFrom(0, 0xffff_ffff), fc.nat(0xffff_ffff))
const anyProtocols: fc.Arbitrary<SubProtocol[]> = fc.uniqueArray(
  fc.record({ name: anyText, contentType: fc.nat(255), data: anyData }, PLAIN),
  { selector: ({ name }) => name, maxLength: 5 },
)
const anyFrame: fc.Arbitrary<BtpFrame> = fc.oneof(
  fc.record(
    { type: fc.constantFrom('message', 'response'), requestId: anyRequestId, protocols: anyProtocols },
    PLAIN,
  ),
  fc.record(
    {
      type: fc.constant('transfer'),
      requestId: anyRequestId,
      amount: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
      protocols: anyProtocols,
    },
    PLAIN,
  ),
  fc.record(
    {
      type: fc.constant('error'),
      requestId: anyRequestId,
      code: fc.constantFrom('T00', 'F00'),
      name: anyText,
      triggeredAt: fc.nat().map(generalizedTime),
      data: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      protocols: anyProtocols,
    },
    PLAIN,
  ),
)

test('what is encoded is decoded as the same frame, also with bytes behind it', () => {
  fc.assert(
    fc.property(anyFrame, fc.uint8Array({ maxLength: 4 }), (frame, behind) => {
      const read = decodeBtpFrame(Buffer.concat([encodeBtpFrame(frame), behind]))
      // `toEqual` walks through large buffers byte by byte.
      if (!isDeepStrictEqual(read, { ok: true, value: frame }))
        expect(read).toEqual({ ok: true, value: frame })
    }),
    { numRuns: 1_000 },
  )
})

test('a frame that is cut short anywhere is refused', () => {
  fc.assert(
    fc.property(anyFrame, fc.nat(), (frame, place) => {
      const bytes = encodeBtpFrame(frame)
      expect(decodeBtpFrame(bytes.subarray(0, place % bytes.length)).ok).toBe(false)
    }),
    { numRuns: 1_000 },
  )
})

test('damaged frames are decoded or refused with a text, and what is decoded can be encoded again', () => {
  const seed = 23
  const originals = fc
    .sample(anyFrame, { numRuns: 300, seed })
    .map(encodeBtpFrame)
    .filter((bytes) => bytes.length < 2_000)
  const decoded = fuzz({
    seed,
    inputs: FUZZED_INPUTS,
    originals,
    decode: decodeBtpFrame,
    encode: encodeBtpFrame,
  })
  expect(decoded).toBeGreaterThan(FUZZED_INPUTS / 100)
})

test('the first message has the bytes that RFC-0023 asks for', () => {
  expect(encodeBtpFrame(authMessage(7, { token: 's3cret', username: '' })).toString('hex')).toBe(
    [
      '06',
      '00000007',
      '1c',
      '0102',
      `04${Buffer.from('auth').toString('hex')}0000`,
      `0a${Buffer.from('auth_token').toString('hex')}01`,
      `06${Buffer.from('s3cret').toString('hex')}`,
    ].join(''),
  )
})

test('two sub-protocols of one name, and more than 32, are refused', () => {
  const protocol = (name: string): SubProtocol => ({ name, contentType: 0, data: Buffer.alloc(0) })
  const decode = (protocols: SubProtocol[]) =>
    decodeBtpFrame(encodeBtpFrame({ type: 'message', requestId: 1, protocols }))
  expect(decode([protocol('a'), protocol('b')]).ok).toBe(true)
  expect(decode([protocol('a'), protocol('a')]).ok).toBe(false)
  expect(decode(Array.from({ length: 32 }, (_, index) => protocol(`p${index}`))).ok).toBe(true)
  expect(decode(Array.from({ length: 33 }, (_, index) => protocol(`p${index}`))).ok).toBe(false)
})

// The examples of RFC-0030, "Variable-length Timestamps".
test.each([
  ['2017-12-24T16:14:32.279Z', '20171224161432.279Z'],
  ['2017-12-24T16:14:32.200Z', '20171224161432.2Z'],
  ['2017-12-24T16:14:30.000Z', '20171224161430Z'],
  ['2017-12-24T10:00:00.000Z', '20171224100000Z'],
  ['2017-12-25T00:00:00.000Z', '20171225000000Z'],
])('%s is written %s', (iso, text) => {
  expect(generalizedTime(Date.parse(iso))).toBe(text)
})
