import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { testEvent } from '../testing/index.ts'
import { type ColumnName, type IndexColumns, sealColumns } from './columns.ts'
import { readIndexHeader, writeIndexFile } from './index-file.ts'
import { KeyHasher } from './key-hash.ts'
import { PageCache } from './paged-column.ts'
import { coldColumns, hotColumns } from './sealed-segment.ts'
import { segmentOf, temporaryFolder } from './testing.ts'

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a column reads the same by page as from memory, in any order, through a cache of few pages', () => {
  const columns = bigColumns()
  const { cold, cache, close } = openCold(columns)
  const hot = hotColumns(columns)
  const names = Object.keys(columns) as ColumnName[]
  const access = fc.record({
    name: fc.constantFrom(...names),
    place: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(access, { minLength: 1, maxLength: 500, size: 'max' }), (accesses) => {
      for (const { name, place } of accesses) {
        const { length } = hot[name]
        expect(cold[name].length).toBe(length)
        if (length === 0) continue
        const index = Math.min(length - 1, Math.floor(place * length))
        expect(cold[name].at(index), `${name}[${index}]`).toBe(hot[name].at(index))
      }
      expect(cache.memoryBytes).toBeLessThanOrEqual(1024 * 1024)
    }),
  )
  close()
})

test('a column that remembers its page does not keep the memory of one that the cache has let go', () => {
  const columns = bigColumns()
  const { cold, cache, close } = openCold(columns)
  const first = cold.createdAt.at(0)
  const bounded = cache.memoryBytes
  // Everything once: the page of the first value has to go.
  for (const column of [cold.createdAt, cold.recordStart, cold.seq, cold.postings]) {
    for (let index = 0; index < column.length; index += 512) column.at(index)
  }
  expect(bounded).toBe(16 * 1024)
  expect(cache.memoryBytes).toBe(1024 * 1024)
  expect(cold.createdAt.at(0)).toBe(first)
  close()
})

test('a column of a file that was closed says so instead of reading some other file', () => {
  const { cold, close } = openCold(bigColumns())
  close()
  expect(() => cold.createdAt.at(0)).toThrow(expect.objectContaining({ code: 'STORE_CLOSED' }))
})

/** A few dozen pages in most columns. */
function bigColumns(): IndexColumns {
  const length = 100_000
  const values = Uint32Array.from({ length }, (_, index) => Math.imul(index, 0x9e3779b1) >>> 0)
  return {
    ...sealColumns(segmentOf([{ event: testEvent() }], new KeyHasher([1, 2, 3, 4])), 100),
    createdAt: Float64Array.from(values, (value) => value * 1_000.5),
    kind: Uint16Array.from(values),
    recordStart: values,
    seq: values.toReversed(),
    postings: values.toSorted(),
  }
}

function openCold(columns: IndexColumns) {
  const path = join(folder, '000001.idx')
  writeIndexFile(path, { segmentBytes: 100, oldest: 0, newest: 0, firstSeq: 1, lastSeq: 1 }, columns)
  const file = openSync(path, 'r')
  const header = readIndexHeader(file)
  closeSync(file)
  const cache = new PageCache(0)
  const coldFile = cache.open(path)
  writeFileSync(join(folder, 'beside'), 'not the index')
  return { cold: coldColumns(cache, coldFile, header), cache, close: () => coldFile.close() }
}
