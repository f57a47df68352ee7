import type { ActiveSegment } from './active-segment.ts'
import type { Column } from './segment.ts'
import { pageChecksums } from './segment-bytes.ts'
import type { Removal, ScannedSegment } from './segment-file.ts'

/** The index of a sealed segment as it is written to its file: sorted arrays, events in the order of answers. */
export interface IndexColumns {
  /** Seconds, newest first. */
  readonly createdAt: Float64Array
  readonly recordStart: Uint32Array
  readonly kind: Uint16Array
  readonly seq: Uint32Array
  /** First four bytes of each id, sorted. */
  readonly idPrefix: Uint32Array
  /** The ordinal that belongs to each of `idPrefix`. */
  readonly idOrdinal: Uint32Array
  /** Key hashes, sorted by `keyHi`. */
  readonly keyHi: Uint32Array
  readonly keyLo: Uint32Array
  readonly keyPosition: Uint32Array
  /** Where each key's ordinals begin in `postings`; one more than there are keys. */
  readonly keyStart: Uint32Array
  /** Ordinals, ascending within a key. */
  readonly postings: Uint32Array
  /** Ordinals of events that expire, ascending, and when. */
  readonly expiringOrdinal: Uint32Array
  readonly expiringAt: Float64Array
  /** What records of this segment remove, anywhere in the store: ids as eight words each, and the records' numbers. */
  readonly removalId: Uint32Array
  readonly removalSeq: Uint32Array
  /** CRC-32 of each page of the segment file (`SEGMENT_PAGE_BYTES`). */
  readonly pageChecksum: Uint32Array
}

export type ColumnName = keyof IndexColumns

const ID_WORDS = 8

/**
 * Turns the index of a segment that will not grow any more into sorted columns.
 *
 * @param length of the segment file.
 */
export function sealColumns({ segment, removals }: ScannedSegment, length: number): IndexColumns {
  const { count } = segment
  const all = segment.all()
  const rank = new Uint32Array(count)
  const columns = {
    createdAt: new Float64Array(count),
    recordStart: new Uint32Array(count),
    kind: new Uint16Array(count),
    seq: new Uint32Array(count),
  }
  for (let place = 0; place < count; place++) {
    const ordinal = all.at(place)
    rank[ordinal] = place
    columns.createdAt[place] = segment.createdAtOf(ordinal)
    columns.recordStart[place] = segment.recordStartOf(ordinal)
    columns.kind[place] = segment.kindOf(ordinal)
    columns.seq[place] = segment.seqOf(ordinal)
  }
  return {
    ...columns,
    ...sealIds(segment, rank),
    ...sealKeys(segment, rank),
    ...sealExpirations(segment, rank),
    ...sealRemovals(removals),
    pageChecksum: pageChecksums(segment.bytes.buffer.subarray(0, length)),
  }
}

function sealIds(segment: ActiveSegment, rank: Uint32Array) {
  const sorted = sortPairs(rank.length, (ordinal) => segment.idPrefixOf(ordinal))
  const idPrefix = new Uint32Array(rank.length)
  const idOrdinal = new Uint32Array(rank.length)
  for (let place = 0; place < rank.length; place++) {
    idPrefix[place] = sorted[place * 2 + 1]!
    idOrdinal[place] = rank[sorted[place * 2]!]!
  }
  return { idPrefix, idOrdinal }
}

function sealKeys(segment: ActiveSegment, rank: Uint32Array) {
  const table = segment.postings
  const lists = table.listCount
  const sorted = sortPairs(lists, (list) => table.keyOf(list).hi)
  const keyHi = new Uint32Array(lists)
  const keyLo = new Uint32Array(lists)
  const keyPosition = new Uint32Array(lists)
  const keyStart = new Uint32Array(lists + 1)
  let total = 0
  for (let list = 0; list < lists; list++) total += table.countOf(list)
  const postings = new Uint32Array(total)
  let written = 0
  for (let place = 0; place < lists; place++) {
    const list = sorted[place * 2]!
    const key = table.keyOf(list)
    keyHi[place] = key.hi
    keyLo[place] = key.lo
    keyPosition[place] = key.position
    keyStart[place] = written
    const from = table.startOf(list)
    for (let index = from + table.countOf(list) - 1; index >= from; index--) {
      postings[written++] = rank[table.entries[index]!]!
    }
  }
  keyStart[lists] = written
  return { keyHi, keyLo, keyPosition, keyStart, postings }
}

function sealExpirations(segment: ActiveSegment, rank: Uint32Array) {
  const sorted = [...segment.expirations].map(([ordinal, at]) => ({ ordinal: rank[ordinal]!, at }))
  sorted.sort((a, b) => a.ordinal - b.ordinal)
  return {
    expiringOrdinal: Uint32Array.from(sorted, ({ ordinal }) => ordinal),
    expiringAt: Float64Array.from(sorted, ({ at }) => at),
  }
}

function sealRemovals(removals: readonly Removal[]) {
  const ids = Buffer.alloc(removals.length * ID_WORDS * 4)
  removals.forEach(({ id }, index) => {
    ids.write(id, index * ID_WORDS * 4, 'hex')
  })
  return {
    removalId: Uint32Array.from({ length: removals.length * ID_WORDS }, (_, word) =>
      ids.readUInt32BE(word * 4),
    ),
    removalSeq: Uint32Array.from(removals, ({ seq }) => seq),
  }
}

/** The removals that two columns hold, one after the other. */
export function* readRemovals(columns: {
  readonly removalId: Column
  readonly removalSeq: Column
}): Generator<Removal> {
  const id = Buffer.alloc(ID_WORDS * 4)
  for (let index = 0; index < columns.removalSeq.length; index++) {
    for (let word = 0; word < ID_WORDS; word++) {
      id.writeUInt32BE(columns.removalId.at(index * ID_WORDS + word), word * 4)
    }
    yield { id: id.toString('hex'), seq: columns.removalSeq.at(index) }
  }
}

/**
 * Sorts 0 … count-1 by an unsigned 32-bit value; returns pairs (index, value). The pairs are sorted as 64-bit
 * integers, which the engine does natively, several times faster than with a comparing function.
 */
function sortPairs(count: number, keyOf: (index: number) => number): Uint32Array {
  const wide = new BigUint64Array(count)
  const pairs = new Uint32Array(wide.buffer)
  for (let index = 0; index < count; index++) {
    pairs[index * 2] = index
    pairs[index * 2 + 1] = keyOf(index)
  }
  wide.sort()
  return pairs
}
