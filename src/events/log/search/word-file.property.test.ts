import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PageCache } from '../paged-column.ts'
import { temporaryFolder } from '../testing.ts'
import { hasWordsOf, SealedWords } from './sealed-words.ts'
import { WORD_PAGE_BYTES, writeWordFile } from './word-file.ts'
import type { WordList } from './word-lists.ts'
import { WordTable } from './word-table.ts'

const INDEX_CHECKSUM = 0xfeedbeef

let folder: string
let path: string
beforeEach(() => {
  folder = temporaryFolder()
  path = join(folder, '000001.words')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Events in their order, each with the hashes of its words. */
function tableOf(events: readonly (readonly number[])[]): WordTable {
  const table = new WordTable()
  events.forEach((hashes, ordinal) => {
    for (const hash of new Set(hashes)) table.add(hash, ordinal, 16 + ((hash + ordinal) % 240))
  })
  return table
}

function written(table: WordTable): SealedWords {
  writeWordFile(path, table, { indexChecksum: INDEX_CHECKSUM, eventCount: 1 })
  const words = SealedWords.open(path, INDEX_CHECKSUM, new PageCache(0))
  if (words === undefined) throw new Error('the file that was just written cannot be opened')
  return words
}

/** Of long lists this is quicker than comparing them member by member. */
function isSame(a: WordList, b: WordList): boolean {
  const bytesOf = ({ ordinals, impacts }: WordList) =>
    Buffer.concat([Buffer.from(ordinals.buffer, ordinals.byteOffset, ordinals.byteLength), impacts])
  return bytesOf(a).equals(bytesOf(b))
}

const hash = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(0, 1, 7, 0xffff_ffff))

test('what a table holds is what its file holds, word for word', () => {
  fc.assert(
    fc.property(fc.array(fc.array(hash, { maxLength: 12 }), { maxLength: 40, size: 'max' }), (events) => {
      const table = tableOf(events)
      const words = written(table)
      for (const hash of [...events.flat(), 2, 0x8000_0000]) {
        expect(words.countOf(hash)).toBe(table.countOf(hash))
        expect(words.read(hash)).toEqual(table.read(hash))
        const expected = events.flatMap((hashes, ordinal) => (hashes.includes(hash) ? [ordinal] : []))
        expect([...words.read(hash).ordinals]).toEqual(expected)
      }
      words.close()
    }),
    { numRuns: 60 },
  )
})

/** Lists over many pages, words over several, and far more entries than a table starts with. */
const many = Array.from({ length: 12_000 }, (_, n) => [1, 1_000_000 + n * 77_777, n % 3 === 0 ? 5 : 6])

test('long lists and many words go over the edges of pages', () => {
  const table = tableOf(many)
  const words = written(table)
  expect(words.countOf(1)).toBe(many.length)
  for (const hash of [1, 5, 6, 1_000_000, 1_000_000 + 11_999 * 77_777, 9]) {
    expect(isSame(words.read(hash), table.read(hash)), `${hash}`).toBe(true)
  }
  words.close()
})

test('a file of another index, of another version, or without a whole head is not opened', () => {
  written(tableOf(many)).close()
  const sound = readFileSync(path)
  expect(SealedWords.open(path, 1, new PageCache(0))).toBeUndefined()
  expect(hasWordsOf(path, INDEX_CHECKSUM)).toBe(true)
  expect(hasWordsOf(path, 1)).toBe(false)
  expect(hasWordsOf(join(folder, 'none'), INDEX_CHECKSUM)).toBe(false)
  for (const length of [0, 7, 31, 40]) {
    writeFileSync(path, sound.subarray(0, length))
    expect(hasWordsOf(path, INDEX_CHECKSUM), `${length} bytes`).toBe(false)
  }
  for (const byte of [0, 7, 9, 13, 17, 21, 25, 29, 30, 31, 33]) {
    const damaged = Buffer.from(sound)
    damaged[byte]! ^= 0xff
    writeFileSync(path, damaged)
    expect(hasWordsOf(path, INDEX_CHECKSUM), `byte ${byte}`).toBe(false)
  }
})

test('a page that is not what was written is never believed, wherever the damage is', () => {
  const table = tableOf(many)
  written(table).close()
  const sound = readFileSync(path)
  for (let page = 1; page < sound.length / WORD_PAGE_BYTES; page++) {
    const damaged = Buffer.from(sound)
    damaged[Math.min(page * WORD_PAGE_BYTES + 5, sound.length - 1)]! ^= 0x40
    writeFileSync(path, damaged)
    const words = SealedWords.open(path, INDEX_CHECKSUM, new PageCache(0))!
    let refusals = 0
    let believed = 0
    for (const hash of [1, 5, 6, ...many.flat().filter((_, n) => n % 500 === 1)]) {
      try {
        if (!isSame(words.read(hash), table.read(hash))) believed++
      } catch (error) {
        expect(error).toMatchObject({ code: 'STORE_DAMAGED' })
        refusals++
      }
    }
    expect(believed, `page ${page}`).toBe(0)
    expect(refusals, `page ${page}`).toBeGreaterThan(0)
    words.close()
  }
})
