import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeEvent } from '../../nostr/index.ts'
import { testEvent } from '../testing/index.ts'
import { readRecord, recordLength, removalsOf, scanRecords, writeRecord } from './record.ts'
import { SEGMENT_HEADER_BYTES } from './segment-file.ts'
import { segmentBytesOf } from './testing.ts'

const notes = ['one', 'two', 'three'].map((content) => testEvent({ content }))
const file = segmentBytesOf(
  1,
  notes.map((event, index) => ({ event, removes: notes.slice(0, index).map(({ id }) => id) })),
)

test('a record comes back as it was written', () => {
  const json = Buffer.from(encodeEvent(testEvent({ content: 'é😀' })))
  const removes = notes.map(({ id }) => id)
  const bytes = Buffer.alloc(1_000, 0xff)
  const end = writeRecord(bytes, 100, { json, seq: 0xffff_ffff, removes })
  expect(end).toBe(100 + recordLength(json.length, removes.length))
  const record = readRecord(bytes, 100, bytes.length)
  expect(record).toMatchObject({ start: 100, end, seq: 0xffff_ffff, jsonLength: json.length })
  expect(removalsOf(bytes, record!)).toEqual(removes)
  expect(bytes.subarray(record!.jsonStart, end).equals(json)).toBe(true)
})

test('a record is not there when its last byte is not', () => {
  expect(readRecord(file, SEGMENT_HEADER_BYTES, file.length)).toBeDefined()
  const [first] = startsIn(file)
  expect(readRecord(file, SEGMENT_HEADER_BYTES, first!.end)).toBeDefined()
  expect(readRecord(file, SEGMENT_HEADER_BYTES, first!.end - 1)).toBeUndefined()
})

test('whichever byte of a record is changed, that record is lost, the others are not, and the report says where', () => {
  const [first, second, third] = startsIn(file)
  for (let at = second!.start; at < second!.end; at++) {
    const damaged = Buffer.from(file)
    damaged[at]! ^= 0x10
    const starts: number[] = []
    const report = scanRecords(damaged, SEGMENT_HEADER_BYTES, damaged.length, ({ start }) =>
      starts.push(start),
    )
    expect(starts, `byte ${at}`).toEqual([first!.start, third!.start])
    expect(report, `byte ${at}`).toEqual({
      end: file.length,
      damaged: [{ from: second!.start, to: second!.end }],
    })
  }
})

test('what follows the last whole record is no damage but the end', () => {
  const [, , third] = startsIn(file)
  for (let length = third!.start; length < file.length; length++) {
    const report = scanRecords(file, SEGMENT_HEADER_BYTES, length, () => {})
    expect(report).toEqual({ end: third!.start, damaged: [] })
  }
})

test('bytes of any kind never make the scan fail or run for ever', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(chunk, magic), { maxLength: 20 }), (parts) => {
      const bytes = Buffer.concat(parts)
      const { end, damaged } = scanRecords(bytes, 0, bytes.length, () => {
        throw new Error('random bytes are no record')
      })
      expect({ end, damaged }).toEqual({ end: 0, damaged: [] })
    }),
  )
})

const chunk = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))
const magic = fc.constant(Buffer.from('STOA'))

function startsIn(bytes: Buffer): { readonly start: number; readonly end: number }[] {
  const found: { start: number; end: number }[] = []
  scanRecords(bytes, SEGMENT_HEADER_BYTES, bytes.length, ({ start, end }) => found.push({ start, end }))
  return found
}
