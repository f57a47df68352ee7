import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { AppError } from '../../kernel/index.ts'
import { createHashSeed, type HashSeed } from './key-hash.ts'
import { SEGMENT_HEADER_BYTES } from './segment-file.ts'

/** The list of what a store consists of; files in the folder that it does not name are leftovers. */
export interface Manifest {
  readonly version: 1
  readonly seed: HashSeed
  /** Oldest first; the last one is written to. */
  readonly segments: readonly { readonly id: number; readonly sealed: boolean }[]
  readonly nextId: number
  /** The highest sequence number given when this was written, in case the records that bore it are gone. */
  readonly lastSeq: number
}

const FILE = 'manifest.json'

/**
 * Reads the manifest of a store; undefined when the folder holds none yet. Throws `STORE_DAMAGED` and
 * `STORE_UNSUPPORTED_VERSION`.
 */
export function readManifest(folder: string): Manifest | undefined {
  const path = join(folder, FILE)
  if (!existsSync(path)) {
    // Without this, segments that the (new, empty) manifest does not name would be deleted as leftovers.
    if (!holdsRecords(folder)) return undefined
    throw new AppError(
      'STORE_DAMAGED',
      `${path} is missing beside segments with events; restore it from a backup.`,
    )
  }
  const manifest = parseJson(path)
  if (!isObject(manifest)) throw damaged(path)
  if (manifest.version !== 1) {
    throw new AppError(
      'STORE_UNSUPPORTED_VERSION',
      `${path} has format ${String(manifest.version)}; this program reads format 1.`,
    )
  }
  const { seed, segments, nextId, lastSeq } = manifest
  if (!isSeed(seed) || !areSegments(segments) || !isCount(nextId) || !isCount(lastSeq)) throw damaged(path)
  const ids = segments.map(({ id }) => id)
  if (new Set(ids).size < ids.length || ids.some((id) => id >= nextId)) throw damaged(path)
  return { version: 1, seed, segments, nextId, lastSeq }
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw damaged(path, cause)
  }
}

function damaged(path: string, cause?: unknown): AppError {
  return new AppError('STORE_DAMAGED', `${path} cannot be read; restore it from a backup.`, { cause })
}

/** Is there a segment file with anything behind its header? A crash at the very first start leaves one without. */
function holdsRecords(folder: string): boolean {
  return readdirSync(folder).some(
    (name) => SEGMENT_NAME.test(name) && statSync(join(folder, name)).size > SEGMENT_HEADER_BYTES,
  )
}

const SEGMENT_NAME = /^\d{6,}\.log$/

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function isSeed(value: unknown): value is HashSeed {
  return Array.isArray(value) && value.length === 4 && value.every(isCount)
}

function areSegments(value: unknown): value is Manifest['segments'] {
  return Array.isArray(value) && value.every(isSegment)
}

function isSegment(value: unknown): boolean {
  return isObject(value) && isCount(value.id) && typeof value.sealed === 'boolean'
}

export function emptyManifest(): Manifest {
  return { version: 1, seed: createHashSeed(), segments: [], nextId: 1, lastSeq: 0 }
}

/** Replaces the manifest: after a crash either the old or the new one is there. */
export function writeManifest(folder: string, manifest: Manifest): void {
  const path = join(folder, FILE)
  const temporary = `${path}.tmp`
  const file = openSync(temporary, 'w')
  try {
    // Not writeSync: when the disk is about to be full that writes a part and says nothing.
    writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(temporary, path)
  syncFolder(folder)
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

export function segmentPath(folder: string, id: number): string {
  return join(folder, `${String(id).padStart(6, '0')}.log`)
}

export function indexPath(folder: string, id: number): string {
  return join(folder, `${String(id).padStart(6, '0')}.idx`)
}

/** The removals that a sealed segment has seen so far. */
export function removedPath(folder: string, id: number): string {
  return join(folder, `${String(id).padStart(6, '0')}.gone`)
}
