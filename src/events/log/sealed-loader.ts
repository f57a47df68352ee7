import { closeSync, openSync, statSync } from 'node:fs'
import { AppError } from '../../kernel/index.ts'
import {
  bytesPerValue,
  checkColumns,
  type IndexHeader,
  type ReadIndexHeader,
  readColumns,
  readIndexHeader,
} from './index-file.ts'
import { indexPath, removedPath, segmentPath } from './manifest.ts'
import type { PageCache } from './paged-column.ts'
import { readRemoved } from './removed-file.ts'
import {
  coldColumns,
  hotColumns,
  type OpenIndex,
  SealedSegment,
  type SegmentWatch,
} from './sealed-segment.ts'

export interface LoadedSegment {
  readonly segment: SealedSegment
  /** Removals up to this sequence number are already applied to it. */
  readonly removedThroughSeq: number
}

export interface LoadOptions {
  readonly folder: string
  readonly id: number
  readonly temperature: 'hot' | 'cold'
  readonly cache: PageCache
  readonly watch: SegmentWatch
}

/** Opens a sealed segment by its index file; throws `STORE_DAMAGED` when that cannot be used. */
export function loadSealed({ folder, id, temperature, cache, watch }: LoadOptions): LoadedSegment {
  const header = readHeader(folder, id)
  const path = segmentPath(folder, id)
  const length = statSync(path).size
  if (length < header.segmentBytes) {
    throw new AppError(
      'STORE_DAMAGED',
      `${path} is ${length} bytes long, its index says ${header.segmentBytes}.`,
    )
  }
  const known = readRemoved(removedPath(folder, id), header.checksum)
  if (temperature === 'cold') checkIndex(folder, id)
  const index = temperature === 'hot' ? readHot(folder, id, header) : openCold(folder, id, header, cache)
  const segment = new SealedSegment({ id, path, header, index, removed: known?.removed, watch })
  return { segment, removedThroughSeq: known?.throughSeq ?? 0 }
}

/** From now on the index of this segment is read by page, through `cache`. */
export function coolDown(segment: SealedSegment, folder: string, cache: PageCache): void {
  segment.cool(openCold(folder, segment.id, segment.header, cache))
}

/** Reads a whole index file; throws `STORE_DAMAGED` when anything in it is not what was written. */
export function checkIndex(folder: string, id: number): void {
  withIndex(folder, id, (file) => checkColumns(file, readIndexHeader(file)))
}

function readHeader(folder: string, id: number): ReadIndexHeader {
  return withIndex(folder, id, readIndexHeader)
}

function readHot(folder: string, id: number, header: IndexHeader): OpenIndex {
  const columns = hotColumns(withIndex(folder, id, (file) => readColumns(file, header)))
  return { columns, memoryBytes: columnBytes(header), file: undefined }
}

function openCold(folder: string, id: number, header: IndexHeader, cache: PageCache): OpenIndex {
  const file = cache.open(indexPath(folder, id))
  return { columns: coldColumns(cache, file, header), memoryBytes: 0, file }
}

/** How much memory the columns of an index take when they are hot. */
function columnBytes(header: IndexHeader): number {
  let total = 0
  for (const [name, { length }] of Object.entries(header.columns)) {
    // The keys of `columns` are the column names.
    total += length * bytesPerValue(name as keyof IndexHeader['columns'])
  }
  return total
}

function withIndex<T>(folder: string, id: number, read: (file: number) => T): T {
  const path = indexPath(folder, id)
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new AppError('STORE_DAMAGED', `The index file ${path} is missing.`, { cause })
  }
  try {
    return read(file)
  } finally {
    closeSync(file)
  }
}
