import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { sealColumns } from './columns.ts'
import { writeIndexFile } from './index-file.ts'
import { type HashSeed, KeyHasher } from './key-hash.ts'
import { indexPath, segmentPath } from './manifest.ts'
import type { DamagedRange } from './notices.ts'
import { recordLength, removalsOf, type ScanReport, scanRecords, writeRecord } from './record.ts'
import { writeWordsOf } from './search/build-words.ts'
import { wordsPath } from './search/word-file.ts'
import { SegmentBytes, shareForWriting } from './segment-bytes.ts'
import {
  readWholeFile,
  type ScannedSegment,
  SEGMENT_HEADER_BYTES,
  scanSegment,
  writeSegmentHeader,
} from './segment-file.ts'

/** Slow work on files that are no longer written; it runs beside the store, in a worker thread. */
export type MaintenanceTask = SealTask | WordsTask | CompactTask

/** Write the index file of a segment. */
export interface SealTask {
  readonly kind: 'seal'
  readonly folder: string
  readonly seed: HashSeed
  readonly id: number
  /** And the file of its words. */
  readonly search: boolean
}

/** Write the file of a sealed segment's words, which is missing or damaged. */
export interface WordsTask {
  readonly kind: 'words'
  readonly folder: string
  readonly seed: HashSeed
  readonly id: number
}

/** Write what is left of some segments into a new one, and its index file. */
export interface CompactTask {
  readonly kind: 'compact'
  readonly folder: string
  readonly seed: HashSeed
  readonly outputId: number
  readonly inputs: readonly CompactInput[]
  /** And the file of its words. */
  readonly search: boolean
}

export interface CompactInput {
  readonly id: number
  /** Where the records of removed events begin. */
  readonly removedRecords: Uint32Array
  /** Ids whose removal must stay on record, since another segment still holds them. */
  readonly neededRemovals: readonly string[]
}

export interface MaintenanceResult {
  /** How many events are in the segment that was written. */
  readonly events: number
  /** What was left behind because it is no readable record. */
  readonly damaged: readonly DamagedRange[]
}

export function runMaintenance(task: MaintenanceTask): MaintenanceResult {
  if (task.kind === 'words') return writeWords(task)
  if (task.kind === 'seal') return writeIndex(task, task.id)
  const damaged = writeCompacted(task)
  const { events } = writeIndex(task, task.outputId)
  return { events, damaged }
}

function writeIndex({ folder, seed, search }: SealTask | CompactTask, id: number): MaintenanceResult {
  const { scanned, length } = scanFile(folder, id, seed)
  writeIndexOf(folder, scanned, length)
  if (search) tryToWriteWords(folder, scanned)
  return {
    events: scanned.segment.count,
    damaged: damageIn(segmentPath(folder, id), scanned.report, length),
  }
}

function writeWords({ folder, id, seed }: WordsTask): MaintenanceResult {
  const { scanned, length } = scanFile(folder, id, seed)
  const isWritten = writeWordsOf(folder, scanned.segment)
  const damaged = isWritten ? [] : damageIn(segmentPath(folder, id), scanned.report, length)
  return { events: scanned.segment.count, damaged }
}

/** An index without words is worth having: whatever stood in the way is told when they are tried again by themselves. */
function tryToWriteWords(folder: string, { segment }: ScannedSegment): void {
  try {
    writeWordsOf(folder, segment)
  } catch {
    rmSync(`${wordsPath(folder, segment.id)}.tmp`, { force: true })
  }
}

function scanFile(folder: string, id: number, seed: HashSeed) {
  const path = segmentPath(folder, id)
  const { size } = statSync(path)
  const bytes = new SegmentBytes(shareForWriting(id, path, size))
  const length = readWholeFile(path, bytes.buffer)
  return { scanned: scanSegment(id, bytes, length, new KeyHasher(seed)), length }
}

/** Everything in a segment that is not written any more should be records, up to its end. */
export function damageIn(file: string, { damaged, end }: ScanReport, length: number): DamagedRange[] {
  const tail = end < length ? [{ from: end, to: length }] : []
  return [...damaged, ...tail].map(({ from, to }) => ({ file, from, to }))
}

/** Writes the index file of a segment that was scanned. */
export function writeIndexOf(folder: string, scanned: ScannedSegment, length: number): void {
  const { segment } = scanned
  const facts = {
    segmentBytes: length,
    oldest: segment.count === 0 ? 0 : segment.oldest,
    newest: segment.count === 0 ? 0 : segment.newest,
    firstSeq: segment.firstSeq,
    lastSeq: Math.max(segment.lastSeq, scanned.lastSeq),
  }
  writeIndexFile(indexPath(folder, segment.id), facts, sealColumns(scanned, length))
}

function writeCompacted({ folder, inputs, outputId }: CompactTask): DamagedRange[] {
  const path = segmentPath(folder, outputId)
  const damaged: DamagedRange[] = []
  const file = openSync(path, 'w', 0o600)
  try {
    const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
    writeSegmentHeader(header, outputId)
    writeAll(file, header)
    for (const input of inputs) {
      const living = keepLiving(segmentPath(folder, input.id), input)
      damaged.push(...living.damaged)
      writeAll(file, living.kept)
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  return damaged
}

/** One write may take less than it was given, when the disk is about to be full for instance. */
function writeAll(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

/** The records of a segment that are still needed, in their order. */
function keepLiving(path: string, { removedRecords, neededRemovals }: CompactInput) {
  const bytes = Buffer.alloc(statSync(path).size)
  const length = readWholeFile(path, bytes)
  const removed = new Set(removedRecords)
  const needed = new Set(neededRemovals)
  const kept = Buffer.alloc(length)
  let end = 0
  const report = scanRecords(bytes, SEGMENT_HEADER_BYTES, length, (record) => {
    const removes = removalsOf(bytes, record).filter((id) => needed.has(id))
    const isGone = removed.has(record.start) || record.jsonLength === 0
    if (isGone && removes.length === 0) return
    const json = isGone ? bytes.subarray(0, 0) : bytes.subarray(record.jsonStart, record.end)
    writeRecord(kept, end, { json, seq: record.seq, removes })
    end += recordLength(json.length, removes.length)
  })
  return { kept: kept.subarray(0, end), damaged: damageIn(path, report, length) }
}
