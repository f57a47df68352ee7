import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../kernel/index.ts'
import { ActiveSegment } from './active-segment.ts'
import { KeyHasher } from './key-hash.ts'
import { damageIn, writeIndexOf } from './maintenance-tasks.ts'
import { indexPath, type Manifest, segmentPath } from './manifest.ts'
import { reportDamage, type StoreNotice } from './notices.ts'
import type { PageCache } from './paged-column.ts'
import { loadSealed } from './sealed-loader.ts'
import { isSealed, type SealedSegment, type SegmentWatch } from './sealed-segment.ts'
import type { Segment } from './segment.ts'
import { SegmentBytes, shareForWriting } from './segment-bytes.ts'
import {
  type Removal,
  readWholeFile,
  type ScannedSegment,
  SEGMENT_HEADER_BYTES,
  scanSegment,
} from './segment-file.ts'
import { removeFrom, SegmentSet } from './segment-set.ts'

export interface RecoveryOptions {
  readonly folder: string
  readonly manifest: Manifest
  readonly segmentBytes: number
  /** Memory for the indexes of sealed segments. */
  readonly indexBytes: number
  readonly cache: PageCache
  readonly watch: SegmentWatch
  readonly notify: (notice: StoreNotice) => void
}

export interface Recovered {
  readonly set: SegmentSet
  readonly hasher: KeyHasher
  /** The segment to go on with and where its readable part ends; undefined in a new store. */
  readonly last: { readonly segment: ActiveSegment; readonly end: number } | undefined
  /** Full segments whose index file is still to be written. */
  readonly unsealed: readonly ActiveSegment[]
  readonly lastSeq: number
}

interface Found {
  readonly segment: ActiveSegment | SealedSegment
  readonly removals: () => Iterable<Removal>
  /** Removals before this one need not be applied to this segment again. */
  readonly removedThroughSeq: number
  readonly lastSeq: number
}

/** Brings a store back from its files: index files where they can be used, records where not. */
export function recover(options: RecoveryOptions): Recovered {
  const found: Found[] = []
  try {
    return recoverInto(found, options)
  } catch (error) {
    for (const { segment } of found) if (isSealed(segment)) segment.close()
    throw error
  }
}

function recoverInto(found: Found[], options: RecoveryOptions): Recovered {
  const { folder, manifest, notify } = options
  const hasher = new KeyHasher(manifest.seed)
  removeLeftovers(folder, manifest, notify)
  let end = SEGMENT_HEADER_BYTES
  let indexBytesLeft = options.indexBytes
  // Newest first, so that the memory for indexes goes to the newest segments.
  for (const entry of manifest.segments.toReversed()) {
    const isLast = found.length === 0
    if (entry.sealed) {
      const sealed = loadOrRebuild(options, hasher, entry.id, indexBytesLeft)
      indexBytesLeft -= sealed.segment.memoryBytes
      found.unshift(sealed)
      continue
    }
    const scanned = scanUnsealed(options, hasher, entry.id, isLast)
    if (isLast) end = scanned.report.end
    const { segment, removals, lastSeq } = scanned
    found.unshift({ segment, removals: () => removals, removedThroughSeq: 0, lastSeq })
  }
  const set = new SegmentSet(hasher)
  set.segments = found.map(({ segment }) => segment)
  set.rebuildFilter()
  applyRemovals(set, found)
  const lastSeq = found.reduce((highest, segment) => Math.max(highest, segment.lastSeq), manifest.lastSeq)
  const unsealed = found.map(({ segment }) => segment).filter(isActive)
  const last = unsealed.at(-1)
  const isLastOpen = last !== undefined && last === found.at(-1)?.segment
  return {
    set,
    hasher,
    last: isLastOpen ? { segment: last, end: Math.max(end, SEGMENT_HEADER_BYTES) } : undefined,
    unsealed: isLastOpen ? unsealed.slice(0, -1) : unsealed,
    lastSeq,
  }
}

function loadOrRebuild(options: RecoveryOptions, hasher: KeyHasher, id: number, bytesLeft: number): Found {
  const { folder, cache, watch } = options
  sizeOf(segmentPath(folder, id))
  const load = () => {
    const temperature = statSync(indexPath(folder, id)).size <= bytesLeft ? 'hot' : 'cold'
    const { segment, removedThroughSeq } = loadSealed({ folder, id, temperature, cache, watch })
    return { segment, removals: () => segment.removals(), removedThroughSeq, lastSeq: segment.lastSeq }
  }
  try {
    return load()
  } catch (error) {
    if (!isUnusable(error)) throw error
    options.notify({
      event: 'store.index_rebuilt',
      level: 'warn',
      facts: { file: indexPath(folder, id), reason: error.message },
    })
    const scanned = scanFile(options, hasher, id, 0)
    const { size } = statSync(segmentPath(folder, id))
    for (const damage of damageIn(segmentPath(folder, id), scanned.report, size))
      reportDamage(options.notify, damage)
    writeIndexOf(folder, scanned, scanned.report.end)
    return load()
  }
}

function isActive(segment: Segment): segment is ActiveSegment {
  return segment instanceof ActiveSegment
}

/** Is it a missing or damaged index file, which the records can replace? */
function isUnusable(error: unknown): error is Error {
  if (error instanceof AppError) return error.code === 'STORE_DAMAGED'
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT'
}

function scanUnsealed(
  options: RecoveryOptions,
  hasher: KeyHasher,
  id: number,
  isLast: boolean,
): ScannedSegment {
  const scanned = scanFile(options, hasher, id, isLast ? options.segmentBytes : 0)
  const file = segmentPath(options.folder, id)
  const { size } = statSync(file)
  const { report } = scanned
  for (const damage of damageIn(file, report, isLast ? report.end : size))
    reportDamage(options.notify, damage)
  if (isLast && size > report.end) {
    options.notify({
      event: 'store.torn_tail_cut',
      level: 'warn',
      facts: {
        file,
        bytes: size - report.end,
        meaning: 'an unfinished write at the end, which was never acknowledged',
      },
    })
  }
  return scanned
}

function scanFile(
  { folder }: RecoveryOptions,
  hasher: KeyHasher,
  id: number,
  capacity: number,
): ScannedSegment {
  const path = segmentPath(folder, id)
  const size = sizeOf(path)
  const bytes = new SegmentBytes(shareForWriting(id, path, Math.max(size, capacity)))
  const length = readWholeFile(path, bytes.buffer)
  return scanSegment(id, bytes, length, hasher)
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size
  } catch (cause) {
    throw new AppError('STORE_DAMAGED', `The segment file ${path} is missing; restore it from a backup.`, {
      cause,
    })
  }
}

/** Applies what records ordered, to each segment from where it has not seen it yet. */
function applyRemovals(set: SegmentSet, found: readonly Found[]): void {
  // A removal reaches only what was stored before it. One that an operator orders bears the number of the event
  // before it: those of the last number that a segment has seen may be new to it.
  const targets = found.map(({ segment, removedThroughSeq }) => ({
    segment,
    fromSeq: Math.max(removedThroughSeq, segment.firstSeq),
  }))
  for (const { removals, lastSeq } of found) {
    const reached = targets.filter(({ fromSeq }) => fromSeq <= lastSeq)
    if (reached.length === 0) continue
    for (const { id, seq } of removals()) {
      // Most of what was ever removed is compacted away.
      if (!set.mayHold(id)) continue
      for (const { segment, fromSeq } of reached) if (fromSeq <= seq) removeFrom(segment, id, seq)
    }
  }
}

function removeLeftovers(folder: string, manifest: Manifest, notify: RecoveryOptions['notify']): void {
  const known = new Set(manifest.segments.map(({ id }) => String(id).padStart(6, '0')))
  for (const name of readdirSync(folder)) {
    const [stem = '', ending] = name.split('.')
    if (!/^\d{6,}$/.test(stem) || (known.has(stem) && !name.endsWith('.tmp'))) continue
    rmSync(join(folder, name), { force: true })
    notify({ event: 'store.leftover_removed', level: 'info', facts: { file: name, ending: ending ?? '' } })
  }
}
