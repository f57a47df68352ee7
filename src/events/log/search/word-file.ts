import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import type { WordTable } from './word-table.ts'

/**
 * The words of a sealed segment, beside its index file. Behind the head, which holds a checksum of each page, and from
 * a page's beginning: the hashes of all words, lowest first; a number for each; and the lists. The number is where the
 * list begins, or, for a word of one event, the event itself (`packSingle`). A list is its length and then, for each
 * event, the distance from the event before and one byte of impact; lengths and distances take seven bits a byte.
 *
 * The last digit of the magic is the version: of this layout, and of what words and impacts are.
 */
const MAGIC = 'STOAWRD1'

export const WORD_PAGE_BYTES = 16 * 1024

/** Magic, checksum of the head, checksum of the index, events, words, bytes of the lists, pages. */
export const HEAD_BYTES = 8 + 6 * 4

export interface WordFileHead {
  /** Of the index whose ordinals these are: one that was built anew may count otherwise. */
  readonly indexChecksum: number
  readonly eventCount: number
  readonly wordCount: number
  readonly listBytes: number
  /** Of each page behind the head. */
  readonly pageChecksums: Uint32Array
}

export function wordsPath(folder: string, id: number): string {
  return join(folder, `${String(id).padStart(6, '0')}.words`)
}

/** Where the first page behind the head begins. */
export function bodyOffset(pageCount: number): number {
  return Math.ceil((HEAD_BYTES + pageCount * 4) / WORD_PAGE_BYTES) * WORD_PAGE_BYTES
}

/** An event of a word that no other event has: an ordinal of 23 bits and the impact. */
export function packSingle(ordinal: number, impact: number): number {
  return (SINGLE | (ordinal << 8) | impact) >>> 0
}

export function isSingle(value: number): boolean {
  return (value & SINGLE) !== 0
}

export function singleOrdinal(value: number): number {
  return (value >>> 8) & 0x7fffff
}

const SINGLE = 0x80000000 | 0
const MAX_SINGLE_ORDINAL = 0x7fffff

/** Writes the file so that it is there whole or not at all. */
export function writeWordFile(
  path: string,
  table: WordTable,
  facts: Pick<WordFileHead, 'indexChecksum' | 'eventCount'>,
): void {
  const hashes = table.sortedHashes()
  const values = new Uint32Array(hashes.length)
  const lists = new ListWriter()
  for (let index = 0; index < hashes.length; index++) values[index] = lists.add(table, hashes[index]!)
  const body = Buffer.concat([bytesOf(hashes), bytesOf(values), lists.bytes()])
  const pageChecksums = checksumsOf(body)
  const head = encodeHead({
    ...facts,
    wordCount: hashes.length,
    listBytes: lists.length,
    pageChecksums,
  })
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w')
  try {
    writeAll(file, head)
    writeAll(file, body)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

/** Reads a head; undefined when it is none of this version, or damaged. @param bytes from the start of the file. */
export function readHead(bytes: Buffer): WordFileHead | undefined {
  if (bytes.length < HEAD_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return undefined
  const pageCount = bytes.readUInt32LE(28)
  const end = HEAD_BYTES + pageCount * 4
  if (end > bytes.length || crc32(bytes.subarray(12, end)) !== bytes.readUInt32LE(8)) return undefined
  return {
    indexChecksum: bytes.readUInt32LE(12),
    eventCount: bytes.readUInt32LE(16),
    wordCount: bytes.readUInt32LE(20),
    listBytes: bytes.readUInt32LE(24),
    pageChecksums: Uint32Array.from({ length: pageCount }, (_, page) =>
      bytes.readUInt32LE(HEAD_BYTES + page * 4),
    ),
  }
}

/** Length in bytes of the head of a file that begins with these bytes, whether they make sense or not. */
export function headLength(bytes: Buffer): number {
  return HEAD_BYTES + bytes.readUInt32LE(28) * 4
}

function encodeHead({ pageChecksums, ...facts }: WordFileHead): Buffer {
  const head = Buffer.alloc(bodyOffset(pageChecksums.length))
  head.write(MAGIC, 'latin1')
  head.writeUInt32LE(facts.indexChecksum, 12)
  head.writeUInt32LE(facts.eventCount, 16)
  head.writeUInt32LE(facts.wordCount, 20)
  head.writeUInt32LE(facts.listBytes, 24)
  head.writeUInt32LE(pageChecksums.length, 28)
  for (const [page, checksum] of pageChecksums.entries()) head.writeUInt32LE(checksum, HEAD_BYTES + page * 4)
  head.writeUInt32LE(crc32(head.subarray(12, HEAD_BYTES + pageChecksums.length * 4)), 8)
  return head
}

function checksumsOf(body: Buffer): Uint32Array {
  return Uint32Array.from({ length: Math.ceil(body.length / WORD_PAGE_BYTES) }, (_, page) =>
    crc32(body.subarray(page * WORD_PAGE_BYTES, (page + 1) * WORD_PAGE_BYTES)),
  )
}

/** The lists, one behind the other. */
class ListWriter {
  length = 0
  #bytes = Buffer.alloc(64 * 1024)

  /** Appends the list of a word; returns the word's number. */
  add(table: WordTable, hash: number): number {
    const { ordinals, impacts } = table.read(hash)
    if (ordinals.length === 1 && ordinals[0]! <= MAX_SINGLE_ORDINAL)
      return packSingle(ordinals[0]!, impacts[0]!)
    const start = this.length
    this.#reserve(5 + ordinals.length * 6)
    this.#number(ordinals.length)
    let before = -1
    for (let index = 0; index < ordinals.length; index++) {
      this.#number(ordinals[index]! - before - 1)
      this.#bytes[this.length++] = impacts[index]!
      before = ordinals[index]!
    }
    return start
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.length)
  }

  #number(value: number): void {
    let rest = value
    for (; rest > 0x7f; rest >>>= 7) this.#bytes[this.length++] = (rest & 0x7f) | 0x80
    this.#bytes[this.length++] = rest
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.length) return
    const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, this.length + count))
    this.#bytes.copy(grown, 0, 0, this.length)
    this.#bytes = grown
  }
}

function bytesOf(array: Uint32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}

function writeAll(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}
