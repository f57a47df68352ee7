import { describe, expect, test } from 'vitest'
import { encodeCloseFrame, encodeTextFrame, frameHeaderLength, opcodes, writeFrameHeader } from './frames.ts'

describe('frame headers', () => {
  test.each([
    [0, '8100'],
    [125, '817d'],
    [126, '817e007e'],
    [65_535, '817effff'],
    [65_536, '817f0000000000010000'],
    [2 ** 32 + 5, '817f0000000100000005'],
  ])('a text frame of %i bytes takes the shortest header', (length, hex) => {
    const target = Buffer.alloc(12)
    const end = writeFrameHeader(target, 1, opcodes.text, length)
    expect(end).toBe(1 + frameHeaderLength(length))
    expect(target.subarray(1, end).toString('hex')).toBe(hex)
  })
})

test('a text frame carries the UTF-8 of its text', () => {
  expect(encodeTextFrame('["é"]').toString('hex')).toBe(`8106${Buffer.from('["é"]').toString('hex')}`)
})

test('a lone surrogate is replaced, so that the frame is valid UTF-8', () => {
  expect(encodeTextFrame('\ud800').subarray(2).toString()).toBe('\ufffd')
})

describe('close frames', () => {
  test('carry code and reason', () => {
    expect(encodeCloseFrame(1001, 'bye').toString('hex')).toBe('880503e9627965')
  })

  test('carry nothing for "no status"', () => {
    expect(encodeCloseFrame(1005, 'ignored').toString('hex')).toBe('8800')
  })

  test('cut a long reason between two characters', () => {
    const frame = encodeCloseFrame(1008, `${'a'.repeat(122)}éé`)
    expect(frame.length).toBe(2 + 2 + 122)
    expect(frame.subarray(4).toString()).toBe('a'.repeat(122))
  })
})
