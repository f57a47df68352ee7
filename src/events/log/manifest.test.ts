import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emptyManifest, type Manifest, readManifest, writeManifest } from './manifest.ts'
import { SEGMENT_HEADER_BYTES } from './segment-file.ts'
import { temporaryFolder } from './testing.ts'

let folder: string
let path: string
const manifest: Manifest = {
  ...emptyManifest(),
  segments: [
    { id: 7, sealed: true },
    { id: 3, sealed: false },
  ],
  nextId: 8,
  lastSeq: 99,
}

beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder, 'manifest.json')
})

afterEach(() => rmSync(folder, { recursive: true }))

test('a manifest comes back as it was written, and nothing else is left in the folder', () => {
  expect(readManifest(folder)).toBeUndefined()
  writeManifest(folder, manifest)
  writeManifest(folder, { ...manifest, lastSeq: 100 })
  expect(readManifest(folder)).toEqual({ ...manifest, lastSeq: 100 })
  expect(readdirSync(folder)).toEqual(['manifest.json'])
})

test('a crash while it is written leaves the old one', () => {
  writeManifest(folder, manifest)
  writeFileSync(`${path}.tmp`, '{"version":1,"see')
  expect(readManifest(folder)).toEqual(manifest)
})

test('cut off anywhere, it is refused, never half believed', () => {
  writeManifest(folder, manifest)
  const whole = readFileSync(path)
  // The last two characters are a brace and a line end.
  for (let length = 0; length < whole.length - 1; length++) {
    writeFileSync(path, whole.subarray(0, length))
    expect(() => readManifest(folder), `${length} bytes`).toThrow(/manifest\.json cannot be read; restore it/)
  }
})

describe('a manifest that means nothing is refused', () => {
  test.each([
    ['null', null],
    ['a list', []],
    ['no seed', { ...manifest, seed: undefined }],
    ['a short seed', { ...manifest, seed: [1, 2, 3] }],
    ['no segments', { ...manifest, segments: undefined }],
    ['a segment without a number', { ...manifest, segments: [{ sealed: true }] }],
    ['a segment that may be sealed or not', { ...manifest, segments: [{ id: 1 }] }],
    ['one segment twice', { ...manifest, segments: [manifest.segments[0], manifest.segments[0]] }],
    ['a segment from the future', { ...manifest, nextId: 7 }],
    ['no last number', { ...manifest, lastSeq: null }],
  ])('%s', (_, value) => {
    writeFileSync(path, JSON.stringify(value))
    expect(() => readManifest(folder)).toThrow(expect.objectContaining({ name: 'AppError' }))
  })
})

test('a manifest of another version is refused with both versions', () => {
  writeFileSync(path, JSON.stringify({ ...manifest, version: 2 }))
  expect(() => readManifest(folder)).toThrow(
    expect.objectContaining({
      code: 'STORE_UNSUPPORTED_VERSION',
      message: `${path} has format 2; this program reads format 1.`,
    }),
  )
})

test('a missing manifest beside segments with events is a fault, not a new store', () => {
  writeFileSync(join(folder, '000001.log'), Buffer.alloc(SEGMENT_HEADER_BYTES))
  // That much a crash at the very first start leaves.
  expect(readManifest(folder)).toBeUndefined()
  writeFileSync(join(folder, '000001.log'), Buffer.alloc(SEGMENT_HEADER_BYTES + 1))
  expect(() => readManifest(folder)).toThrow(
    expect.objectContaining({
      code: 'STORE_DAMAGED',
      message: expect.stringContaining('manifest.json is missing'),
    }),
  )
})
