import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { EventStore } from '../events/index.ts'
import { AppError, type Clock } from '../kernel/index.ts'
import { PARTIAL, writeContent } from './content.ts'
import { type DataFileSources, writeDataFiles } from './data-files.ts'
import { lockBackups } from './folder-lock.ts'
import {
  backupNames,
  CONTENT_FOLDER,
  contentOf,
  type EventFile,
  type Manifest,
  manifestPath,
  newestManifest,
  readManifest,
  type TableFile,
  writeManifest,
} from './manifest.ts'
import { PRIVATE_FOLDER } from './private-file.ts'
import type { DumpedTable, TableAccess } from './tables.ts'
import { type FileBounds, forgetUnfinished, readJournal, writeEvents } from './write-events.ts'

/** What goes into a backup. */
export interface BackupSources extends DataFileSources {
  readonly store: EventStore
  /** Absent where there is no database, or it is not up. */
  readonly tables?: TableAccess | undefined
}

export interface CreateBackupOptions {
  readonly folder: string
  readonly sources: BackupSources
  readonly clock: Clock
  /** Of the program. */
  readonly version: string
  readonly signal: AbortSignal
  /** Backups that stay, this one included; absent: all. */
  readonly keep?: number | undefined
  readonly rest?: () => Promise<void>
  /** Told now and then how many events are safe, of how many. */
  readonly onProgress?: (events: number, ofEvents: number) => void
  readonly bounds?: FileBounds
}

export interface BackupReport {
  readonly name: string
  readonly manifest: Manifest
  /** Event files that had to be written; the others were taken over from earlier backups. */
  readonly newEventFiles: number
  /** Bytes written for this backup alone. */
  readonly newBytes: number
  /** Older backups that were removed. */
  readonly dropped: readonly string[]
}

/**
 * Makes a backup: whole when this resolves, none when it does not. What a stopped or killed run has written is used by the
 * next one, and backups that are there already are not touched before the new one is whole.
 *
 * @throws AppError BACKUP_FAILED, BACKUP_IN_USE
 */
export async function createBackup(options: CreateBackupOptions): Promise<BackupReport> {
  const { folder, keep, signal } = options
  try {
    await mkdir(join(folder, CONTENT_FOLDER), { recursive: true, mode: PRIVATE_FOLDER })
    const unlock = await lockBackups(folder)
    try {
      await removePartial(folder)
      const { manifest, newFiles } = await writeAll(options)
      const name = await writeManifest(folder, manifest)
      await forgetUnfinished(folder)
      const dropped = keep === undefined ? [] : await dropAllBut(folder, keep)
      return {
        name,
        manifest,
        newEventFiles: newFiles.length,
        newBytes: newFiles.reduce((sum, { bytes }) => sum + bytes, 0),
        dropped,
      }
    } finally {
      await unlock()
    }
  } catch (cause) {
    if (cause instanceof AppError && cause.code !== 'STORE_CLOSED') throw cause
    throw failure(folder, signal.aborted, cause)
  }
}

function failure(folder: string, wasStopped: boolean, cause: unknown): AppError {
  const why = wasStopped ? 'was stopped' : 'could not be written'
  const message = `The backup to ${folder} ${why}. Earlier ones are as they were, and the next run goes on where this one ended.`
  return new AppError('BACKUP_FAILED', message, { cause, facts: { folder } })
}

interface Written {
  readonly manifest: Manifest
  readonly newFiles: readonly EventFile[]
}

async function writeAll(options: CreateBackupOptions): Promise<Written> {
  const { folder, sources, clock, version, signal, rest, bounds, onProgress } = options
  const startedAtMs = clock.nowMs()
  const { store } = sources
  const newFiles: EventFile[] = []
  let events = 0
  const eventFiles = await writeEvents({
    store,
    folder,
    earlier: (await newestManifest(folder))?.eventFiles ?? [],
    nowSeconds: clock.nowSeconds(),
    signal,
    ...(rest && { rest }),
    ...(bounds && { bounds }),
    onEvents: (more) => {
      events += more
      onProgress?.(events, Math.max(events, store.stats().events))
    },
    onFile: (file, isNew) => void (isNew && newFiles.push(file)),
  })
  const database = sources.tables === undefined ? undefined : await writeTables(options, sources.tables)
  const dataFiles = await writeDataFiles(folder, sources, signal)
  const times = await timesOf(store, eventFiles, clock.nowSeconds())
  const manifest: Manifest = {
    format: 'stoa-backup',
    version: 1,
    stoa: version,
    startedAtMs,
    createdAtMs: await freeTime(folder, clock.nowMs()),
    events: eventFiles.reduce((sum, file) => sum + file.events, 0),
    ...times,
    eventFiles: [...eventFiles],
    ...(database && { database }),
    dataFiles: [...dataFiles],
  }
  return { manifest, newFiles }
}

/** When the oldest and the newest event were made; what has changed since they were read does not matter much. */
async function timesOf(
  store: EventStore,
  files: readonly EventFile[],
  nowSeconds: number,
): Promise<Pick<Manifest, 'firstSeconds' | 'lastSeconds'>> {
  const [oldest] = files
  if (oldest === undefined) return {}
  const { sinceSeconds: since, untilSeconds: until } = oldest
  const first = await store.idSet({ since, until }, Number.MAX_SAFE_INTEGER, nowSeconds)
  const last = await store.idSet({ limit: 1 }, 1, nowSeconds)
  const [firstSeconds] = first?.createdAt ?? []
  const [lastSeconds] = last?.createdAt ?? []
  return {
    ...(firstSeconds !== undefined && { firstSeconds }),
    ...(lastSeconds !== undefined && { lastSeconds }),
  }
}

/** Two backups of the same millisecond would have the same name. */
async function freeTime(folder: string, nowMs: number): Promise<number> {
  const names = await backupNames(folder)
  const newest =
    names.length === 0 ? undefined : await readManifest(folder, names.at(-1) ?? '').catch(() => undefined)
  return Math.max(nowMs, (newest?.createdAtMs ?? 0) + 1)
}

async function writeTables(
  { folder, signal }: CreateBackupOptions,
  access: TableAccess,
): Promise<Manifest['database']> {
  const tables: TableFile[] = []
  const migration = await access.dump(async (table) => {
    let rows = 0
    const content = await writeContent(
      folder,
      `table-${table.table}`,
      linesOf(table, (more) => {
        rows += more
      }),
      signal,
    )
    tables.push({ ...content, table: table.table, rows })
  })
  return { migration, tables }
}

/** The names of the columns are its first line. */
async function* linesOf(
  { columns, rows }: DumpedTable,
  count: (rows: number) => void,
): AsyncGenerator<Buffer> {
  yield Buffer.from(`${JSON.stringify(columns)}\n`)
  for await (const lines of rows) {
    count(lines.length)
    yield Buffer.from(`${lines.join('\n')}\n`)
  }
}

/** Files that a killed run has begun. */
async function removePartial(folder: string): Promise<void> {
  const contentFolder = join(folder, CONTENT_FOLDER)
  for (const name of await readdir(contentFolder)) {
    if (name.endsWith(PARTIAL)) await rm(join(contentFolder, name), { force: true })
  }
}

/** Removes the oldest backups, then whatever no other one names. A kill in between leaves files that the next turn finds. */
async function dropAllBut(folder: string, keep: number): Promise<readonly string[]> {
  const names = await backupNames(folder)
  const dropped = names.slice(0, Math.max(0, names.length - keep))
  for (const name of dropped) await rm(manifestPath(folder, name), { force: true })
  const needed = await neededFiles(folder)
  if (needed === undefined) return dropped
  const contentFolder = join(folder, CONTENT_FOLDER)
  for (const file of await readdir(contentFolder)) {
    if (!needed.has(file)) await rm(join(contentFolder, file), { force: true })
  }
  return dropped
}

/** Undefined when a manifest cannot be read: it may need anything, so nothing is removed. */
async function neededFiles(folder: string): Promise<ReadonlySet<string> | undefined> {
  const needed = new Set((await readJournal(folder)).map(({ file }) => file))
  for (const name of await backupNames(folder)) {
    const manifest = await readManifest(folder, name).catch(() => undefined)
    if (manifest === undefined) return undefined
    for (const { file } of contentOf(manifest)) needed.add(file)
  }
  return needed
}
