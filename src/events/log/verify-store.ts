import { existsSync, statSync } from 'node:fs'
import { AppError } from '../../kernel/index.ts'
import { lockFolder } from './folder-lock.ts'
import { KeyHasher } from './key-hash.ts'
import { damageIn } from './maintenance-tasks.ts'
import { indexPath, readManifest, segmentPath } from './manifest.ts'
import { checkIndex } from './sealed-loader.ts'
import { SegmentBytes, shareForWriting } from './segment-bytes.ts'
import { readWholeFile, scanSegment } from './segment-file.ts'

export interface LogStoreReport {
  readonly isSound: boolean
  /** One line each for people. */
  readonly lines: readonly string[]
}

/**
 * Reads every segment of a store that is not in use, checks the checksum of every record and
 * of every index. Changes nothing. Throws `STORE_LOCKED`.
 */
export function verifyLogStore(folder: string): LogStoreReport {
  if (!existsSync(folder))
    return { isSound: true, lines: [`${folder} does not exist yet: nothing is stored.`] }
  const lock = lockFolder(folder)
  try {
    const manifest = readManifest(folder)
    if (manifest === undefined) return { isSound: true, lines: [`${folder} is empty.`] }
    const hasher = new KeyHasher(manifest.seed)
    const reports = manifest.segments.map(({ id, sealed }) => verifySegment(folder, id, sealed, hasher))
    const events = reports.reduce((sum, report) => sum + report.events, 0)
    const lines = reports.flatMap((report) => report.lines)
    const summary = `${manifest.segments.length} segments, ${events} events on record, ${lines.length} problems`
    return { isSound: lines.length === 0, lines: [summary, ...lines] }
  } finally {
    lock.release()
  }
}

function verifySegment(folder: string, id: number, isSealed: boolean, hasher: KeyHasher) {
  const path = segmentPath(folder, id)
  const lines: string[] = []
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) return { events: 0, lines: [`${path} is missing; restore it from a backup.`] }
  const bytes = new SegmentBytes(shareForWriting(id, path, size))
  const length = readWholeFile(path, bytes.buffer)
  const { segment, report } = scanSegment(id, bytes, length, hasher)
  for (const { from, to } of damageIn(path, report, length)) {
    lines.push(`${path}: bytes ${from} to ${to} are no readable record.`)
  }
  if (isSealed) lines.push(...verifyIndex(folder, id))
  return { events: segment.count, lines }
}

function verifyIndex(folder: string, id: number): string[] {
  try {
    checkIndex(folder, id)
    return []
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return [`${indexPath(folder, id)}: ${error.message} It will be built anew at the next start.`]
  }
}
