import { closeSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { AppError } from '../../../kernel/index.ts'
import type { ColdFile, PageCache } from '../paged-column.ts'
import { lowerBound } from '../sealed-segment.ts'
import type { Column } from '../segment.ts'
import {
  bodyOffset,
  HEAD_BYTES,
  headLength,
  isSingle,
  readHead,
  singleOrdinal,
  WORD_PAGE_BYTES,
  type WordFileHead,
} from './word-file.ts'
import { EMPTY_LIST, type WordList, type WordLists } from './word-lists.ts'

/** No file has a longer head: 2 GiB of pages. */
const MAX_HEAD_BYTES = HEAD_BYTES + (2 ** 31 / WORD_PAGE_BYTES) * 4

/**
 * The words of a sealed segment, read by page through the cache of the store. A page that is not what was written is
 * never used: reading it throws `STORE_DAMAGED`.
 */
export class SealedWords implements WordLists {
  readonly #cache: PageCache
  readonly #file: ColdFile
  readonly #head: WordFileHead
  readonly #firstPage: number
  readonly #hashes: Column
  readonly #values: Column
  /** Where the lists begin, in bytes behind the head. */
  readonly #listsAt: number

  private constructor(cache: PageCache, file: ColdFile, head: WordFileHead) {
    this.#cache = cache
    this.#file = file
    this.#head = head
    this.#firstPage = bodyOffset(head.pageChecksums.length) / WORD_PAGE_BYTES
    this.#hashes = this.#column(0)
    this.#values = this.#column(head.wordCount * 4)
    this.#listsAt = head.wordCount * 8
  }

  /** Opens the words of an index; undefined when there is no file, it is damaged, or it belongs to another index. */
  static open(path: string, indexChecksum: number, cache: PageCache): SealedWords | undefined {
    const head = readHeadOf(path)
    if (head === undefined || head.indexChecksum !== indexChecksum) return undefined
    const first = bodyOffset(head.pageChecksums.length)
    const length = head.wordCount * 8 + head.listBytes
    const file = cache.open(path, (position, bytes) => {
      const page = (position - first) / WORD_PAGE_BYTES
      const written = bytes.subarray(0, Math.min(WORD_PAGE_BYTES, length - page * WORD_PAGE_BYTES))
      if (crc32(written) === head.pageChecksums[page]) return
      throw new AppError('STORE_DAMAGED', `A page of ${path} is not what was written.`, { facts: { page } })
    })
    return new SealedWords(cache, file, head)
  }

  get memoryBytes(): number {
    return this.#head.pageChecksums.byteLength
  }

  close(): void {
    this.#file.close()
  }

  countOf(hash: number): number {
    const value = this.#valueOf(hash)
    if (value === undefined) return 0
    return isSingle(value) ? 1 : this.#listAt(value).number()
  }

  read(hash: number): WordList {
    const value = this.#valueOf(hash)
    if (value === undefined) return EMPTY_LIST
    if (isSingle(value))
      return { ordinals: Uint32Array.of(singleOrdinal(value)), impacts: Uint8Array.of(value & 0xff) }
    const list = this.#listAt(value)
    const count = list.number()
    const ordinals = new Uint32Array(count)
    const impacts = new Uint8Array(count)
    let before = -1
    for (let index = 0; index < count; index++) {
      before += list.number() + 1
      ordinals[index] = before
      impacts[index] = list.byte()
    }
    return { ordinals, impacts }
  }

  #valueOf(hash: number): number | undefined {
    const place = lowerBound(this.#hashes, hash)
    if (place >= this.#head.wordCount || this.#hashes.at(place) !== hash) return undefined
    return this.#values.at(place)
  }

  #listAt(start: number): ListReader {
    return new ListReader((page) => this.#page(page), this.#listsAt + start)
  }

  #column(start: number): Column {
    return {
      length: this.#head.wordCount,
      at: (index) => {
        const position = start + index * 4
        return this.#page(Math.floor(position / WORD_PAGE_BYTES)).readUInt32LE(position % WORD_PAGE_BYTES)
      },
    }
  }

  #page(number: number): Buffer {
    // The cache hands out pages with their bytes; it lets go of them later.
    return this.#cache.page(this.#file, this.#firstPage + number).bytes!
  }
}

/** Reads a list from its pages, one at a time. */
class ListReader {
  readonly #pageAt: (number: number) => Buffer
  #number: number
  #page: Buffer
  #at: number

  constructor(pageAt: (number: number) => Buffer, start: number) {
    this.#pageAt = pageAt
    this.#number = Math.floor(start / WORD_PAGE_BYTES)
    this.#at = start % WORD_PAGE_BYTES
    this.#page = pageAt(this.#number)
  }

  byte(): number {
    if (this.#at === WORD_PAGE_BYTES) {
      this.#page = this.#pageAt(++this.#number)
      this.#at = 0
    }
    return this.#page[this.#at++]!
  }

  number(): number {
    let value = this.byte()
    if (value < 0x80) return value
    value &= 0x7f
    for (let shift = 7; ; shift += 7) {
      const byte = this.byte()
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
  }
}

/** Does the file hold the words of this index, as far as its head says? */
export function hasWordsOf(path: string, indexChecksum: number): boolean {
  return readHeadOf(path)?.indexChecksum === indexChecksum
}

function readHeadOf(path: string): WordFileHead | undefined {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const start = Buffer.alloc(HEAD_BYTES)
    if (readSync(file, start, 0, HEAD_BYTES, 0) < HEAD_BYTES) return undefined
    const length = headLength(start)
    // Before a buffer of that size is made: the number itself may be damaged.
    if (length > MAX_HEAD_BYTES) return undefined
    const head = Buffer.alloc(length)
    return readSync(file, head, 0, length, 0) < length ? undefined : readHead(head)
  } finally {
    closeSync(file)
  }
}
