import { closeSync, fstatSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { AppError } from '../../kernel/index.ts'
import type { ColumnName, IndexColumns } from './columns.ts'

const MAGIC = 'STOAIDX2'
const PREAMBLE_BYTES = 16
const CHECK_BYTES = 1024 * 1024

const COLUMN_TYPES = {
  createdAt: Float64Array,
  recordStart: Uint32Array,
  kind: Uint16Array,
  seq: Uint32Array,
  idPrefix: Uint32Array,
  idOrdinal: Uint32Array,
  keyHi: Uint32Array,
  keyLo: Uint32Array,
  keyPosition: Uint32Array,
  keyStart: Uint32Array,
  postings: Uint32Array,
  expiringOrdinal: Uint32Array,
  expiringAt: Float64Array,
  removalId: Uint32Array,
  removalSeq: Uint32Array,
  pageChecksum: Uint32Array,
} as const satisfies Record<ColumnName, unknown>

const COLUMN_NAMES = Object.keys(COLUMN_TYPES) as ColumnName[]

/** What stands at the head of an index file. */
export interface IndexHeader {
  /** Length in bytes of the segment file that it describes. */
  readonly segmentBytes: number
  readonly oldest: number
  readonly newest: number
  readonly firstSeq: number
  readonly lastSeq: number
  readonly columns: Readonly<Record<ColumnName, ColumnPlace>>
}

/** A header as it was read, with a checksum that tells this index from any other of the same segment. */
export interface ReadIndexHeader extends IndexHeader {
  readonly checksum: number
}

export interface ColumnPlace {
  /** Bytes from the start of the file; a multiple of 8. */
  readonly offset: number
  /** Number of values. */
  readonly length: number
  readonly crc: number
}

/** Writes an index file so that it is there whole or not at all. */
export function writeIndexFile(
  path: string,
  facts: Omit<IndexHeader, 'columns'>,
  columns: IndexColumns,
): void {
  const bodies = COLUMN_NAMES.map((name) => bytesOf(columns[name]))
  const header = encodeHeader(facts, columns, bodies)
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w')
  try {
    writeAll(file, header)
    for (const body of bodies) {
      writeAll(file, body)
      writeAll(file, Buffer.alloc(padding(body.length)))
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
}

/** Reads the head of an index file; throws `STORE_DAMAGED` when it is not one or is damaged. */
export function readIndexHeader(file: number): ReadIndexHeader {
  const preamble = readExactly(file, 0, PREAMBLE_BYTES)
  const length = preamble.readUInt32LE(8)
  const checksum = preamble.readUInt32LE(12)
  if (preamble.toString('latin1', 0, 8) !== MAGIC) throw damaged('it does not begin like one of this version')
  const text = readExactly(file, PREAMBLE_BYTES, length)
  if (crc32(text) !== checksum) throw damaged('the checksum of its head differs')
  // What passed the checksum is what `headerText` wrote.
  return { ...(JSON.parse(text.toString()) as IndexHeader), checksum }
}

/** Reads all columns into memory, checking each. */
export function readColumns(file: number, header: IndexHeader): IndexColumns {
  const read = <N extends ColumnName>(name: N) => readColumn(file, name, header.columns[name])
  const columns = Object.fromEntries(COLUMN_NAMES.map((name) => [name, read(name)]))
  // The names and types come from COLUMN_TYPES, which the compiler holds against IndexColumns.
  return columns as unknown as IndexColumns
}

/** Reads all columns once without keeping them; throws `STORE_DAMAGED` when one is not what was written. */
export function checkColumns(file: number, header: IndexHeader): void {
  const chunk = Buffer.alloc(CHECK_BYTES)
  for (const name of COLUMN_NAMES) {
    const { offset, length, crc } = header.columns[name]
    const bytes = length * bytesPerValue(name)
    let checksum = 0
    for (let done = 0; done < bytes; done += CHECK_BYTES) {
      const part = chunk.subarray(0, Math.min(CHECK_BYTES, bytes - done))
      readInto(file, offset + done, part)
      checksum = crc32(part, checksum)
    }
    if (checksum !== crc) throw damaged(`the checksum of its column ${name} differs`)
  }
}

function readColumn(file: number, name: ColumnName, place: ColumnPlace) {
  const array = new COLUMN_TYPES[name](place.length)
  const bytes = Buffer.from(array.buffer)
  readInto(file, place.offset, bytes)
  if (crc32(bytes) !== place.crc) throw damaged(`the checksum of its column ${name} differs`)
  return array
}

export function bytesPerValue(name: ColumnName): number {
  return COLUMN_TYPES[name].BYTES_PER_ELEMENT
}

function encodeHeader(
  facts: Omit<IndexHeader, 'columns'>,
  columns: IndexColumns,
  bodies: readonly Buffer[],
): Buffer {
  // The columns' places depend on the head's length and the head names the places: with fixed-width numbers for
  // the offsets the length does not depend on them, so one draft gives it.
  const draft = headerText(facts, columns, bodies, 0)
  const start = PREAMBLE_BYTES + draft.length + padding(PREAMBLE_BYTES + draft.length)
  const text = headerText(facts, columns, bodies, start)
  const header = Buffer.alloc(start)
  header.write(MAGIC, 'latin1')
  header.writeUInt32LE(text.length, 8)
  header.writeUInt32LE(crc32(text), 12)
  text.copy(header, PREAMBLE_BYTES)
  return header
}

function headerText(
  facts: Omit<IndexHeader, 'columns'>,
  columns: IndexColumns,
  bodies: readonly Buffer[],
  start: number,
): Buffer {
  let offset = start
  const places: Record<string, unknown> = {}
  COLUMN_NAMES.forEach((name, index) => {
    const body = bodies[index]!
    places[name] = {
      offset: `@${String(offset).padStart(15)}`,
      length: columns[name].length,
      crc: crc32(body),
    }
    offset += body.length + padding(body.length)
  })
  return Buffer.from(JSON.stringify({ ...facts, columns: places }).replace(/"@( *)(\d+)"/g, '$1$2'))
}

function bytesOf(array: Float64Array | Uint32Array | Uint16Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}

function padding(length: number): number {
  return (8 - (length % 8)) % 8
}

function writeAll(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

function readExactly(file: number, position: number, length: number): Buffer {
  // Before a buffer of that size is made: the number itself may be damaged.
  if (position + length > fstatSync(file).size) throw damaged('it is shorter than it says')
  const bytes = Buffer.alloc(length)
  readInto(file, position, bytes)
  return bytes
}

function readInto(file: number, position: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    const count = readSync(file, bytes, done, bytes.length - done, position + done)
    if (count === 0) throw damaged('it is shorter than it says')
    done += count
  }
}

function damaged(why: string): AppError {
  return new AppError('STORE_DAMAGED', `The index file cannot be used: ${why}.`)
}
