/**
 * What a folder of backups looks like. Every backup is one small file, its manifest, which names by SHA-256 what belongs
 * to it; what several backups have in common lies there once. A manifest is written last: without one there is no backup.
 *
 *   backup-2026-01-31T020000.000Z.json   a manifest
 *   content/                             what manifests name
 *   unfinished.jsonl                     event files of a backup that is not whole yet
 *   lock                                 who is writing
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { AppError } from '../kernel/index.ts'
import { replaceFile } from './private-file.ts'

const contentSchema = z.object({
  /** In the folder `content`. */
  file: z.string().regex(/^[a-zA-Z0-9._-]+$/),
  bytes: z.int(),
  /** Of the file as it lies there, compressed. */
  sha256: z.string(),
})

const eventFileSchema = contentSchema.extend({
  events: z.int(),
  /** Bytes before compression. */
  plainBytes: z.int(),
  /** All events of these seconds, both included, are in this file. */
  sinceSeconds: z.int(),
  untilSeconds: z.int(),
  /** SHA-256 over the ids of its events, 32 bytes each, in the order of its lines. */
  idsSha256: z.string(),
})

const tableSchema = contentSchema.extend({ table: z.string(), rows: z.int() })

const dataFileSchema = contentSchema.extend({
  /** Where it belongs in the data folder: `access.json`, `keys/relay.key`. */
  name: z.string().regex(/^[a-zA-Z0-9._-]+(\/[a-zA-Z0-9._-]+)?$/),
})

const manifestSchema = z.object({
  format: z.literal('stoa-backup'),
  version: z.literal(1),
  /** Of the program that wrote it. */
  stoa: z.string(),
  startedAtMs: z.int(),
  createdAtMs: z.int(),
  events: z.int(),
  /** `created_at` of the oldest and the newest event; absent when there is none. */
  firstSeconds: z.int().optional(),
  lastSeconds: z.int().optional(),
  /** Oldest first; no two speak of the same second. */
  eventFiles: z.array(eventFileSchema),
  /** The number of the last migration of the database, and its tables; absent when it was not part of the backup. */
  database: z.object({ migration: z.int(), tables: z.array(tableSchema) }).optional(),
  dataFiles: z.array(dataFileSchema),
})

export type ContentEntry = z.output<typeof contentSchema>
export type EventFile = z.output<typeof eventFileSchema>
export type TableFile = z.output<typeof tableSchema>
export type DataFile = z.output<typeof dataFileSchema>
export type Manifest = z.output<typeof manifestSchema>

export const CONTENT_FOLDER = 'content'
const MANIFEST_NAME = /^backup-\d{4}-\d{2}-\d{2}T\d{6}\.\d{3}Z\.json$/

/** `backup-2026-01-31T020000.000Z` */
export function backupName(createdAtMs: number): string {
  return `backup-${new Date(createdAtMs).toISOString().replaceAll(':', '')}`
}

/** The names of the whole backups of a folder, oldest first; none when there is no folder. */
export async function backupNames(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  })
  return names
    .filter((name) => MANIFEST_NAME.test(name))
    .map((name) => name.slice(0, -'.json'.length))
    .toSorted()
}

/**
 * Reads what belongs to a backup.
 *
 * @throws AppError BACKUP_NOT_FOUND, BACKUP_DAMAGED
 */
export async function readManifest(folder: string, name: string): Promise<Manifest> {
  const path = manifestPath(folder, name)
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new AppError('BACKUP_NOT_FOUND', `There is no backup ${name} in ${folder}.`, { cause })
  })
  try {
    return manifestSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new AppError('BACKUP_DAMAGED', `${path} is not as the program wrote it.`, {
      cause,
      facts: { path },
    })
  }
}

/** The newest backup that can be read; undefined when there is none. */
export async function newestManifest(folder: string): Promise<Manifest | undefined> {
  for (const name of (await backupNames(folder)).toReversed()) {
    try {
      return await readManifest(folder, name)
    } catch (error) {
      // An older one serves as well: what does not fit any more is written anew.
      if (!(error instanceof AppError)) throw error
    }
  }
  return undefined
}

/** Makes a backup of what was written: from now on there is one of that name. */
export async function writeManifest(folder: string, manifest: Manifest): Promise<string> {
  const name = backupName(manifest.createdAtMs)
  await replaceFile(manifestPath(folder, name), `${JSON.stringify(manifest, null, 1)}\n`)
  return name
}

export function manifestPath(folder: string, name: string): string {
  return join(folder, `${name}.json`)
}

/** Everything that a manifest names. */
export function contentOf({ eventFiles, database, dataFiles }: Manifest): readonly ContentEntry[] {
  return [...eventFiles, ...(database?.tables ?? []), ...dataFiles]
}

/** Reads an event file's entry from a line of the journal; undefined when it is none. */
export function parseEventFile(line: string): EventFile | undefined {
  try {
    return eventFileSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
