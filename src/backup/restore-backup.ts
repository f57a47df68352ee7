import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { EventStore, PutOutcome } from '../events/index.ts'
import { AppError, type Clock } from '../kernel/index.ts'
import { canonicalize, type NostrEvent, parseEvent } from '../nostr/index.ts'
import { readLinesOf } from './content.ts'
import { restoreDataFile } from './data-files.ts'
import { backupNames, type EventFile, type Manifest, readManifest, type TableFile } from './manifest.ts'
import { PRIVATE_FOLDER, replaceFile } from './private-file.ts'
import type { DumpedTable, TableAccess } from './tables.ts'
import { verifyBackups } from './verify-backup.ts'

/** In the data folder while a restore is under way: how far it has come. */
const MARKER = 'restoring.json'
const BATCH_EVENTS = 1_000

const markerSchema = z.object({
  backup: z.string(),
  /** Where the backup lies, to tell how it is gone on with; older marks do not say. */
  folder: z.string().optional(),
  /** Event files that are in the store. */
  done: z.array(z.string()),
})

type Marker = z.output<typeof markerSchema>

export interface RestoreOptions {
  readonly folder: string
  /** The newest when absent. */
  readonly backup?: string | undefined
  /** Must be empty or absent, or hold a restore of the same backup that was not finished. */
  readonly dataDir: string
  /** Opens the store of that folder; called when everything was checked. */
  readonly openStore: () => Promise<EventStore>
  /** Opens the database to fill; absent where there is none. */
  readonly openTables?: (() => Promise<TableAccess & { close(): Promise<void> }>) | undefined
  /** For each event: does `sig` sign `id` with `pubkey`? Absent: signatures are believed. */
  readonly verifyBatch?:
    | ((events: readonly NostrEvent[]) => Promise<readonly boolean[]> | readonly boolean[])
    | undefined
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Told of what is under way: bytes while checking, events while restoring. */
  readonly onProgress?: (step: 'check' | 'events', done: number, of: number) => void
}

/** What the store said, or `invalid` for an event whose id or signature is wrong. */
export type RefusalWord = PutOutcome['status'] | 'invalid'

export interface RestoreReport {
  readonly backup: string
  readonly events: number
  /** Events of the backup that were not taken, and why: `expired` in the meantime, for example. */
  readonly refused: Readonly<Partial<Record<RefusalWord, number>>>
  readonly rows: number
  readonly dataFiles: number
}

/**
 * Brings a backup into an empty data folder. Everything is checked before anything is written: files by their SHA-256,
 * and, on their way into the store, events by id and signature. A restore that was stopped or killed is gone on with by
 * the next one of the same backup.
 *
 * @throws AppError BACKUP_NOT_FOUND, BACKUP_DAMAGED, RESTORE_REFUSED, RESTORE_FAILED
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  const { folder, dataDir, onProgress, openTables } = options
  const backup = options.backup ?? (await newestName(folder))
  const manifest = await readManifest(folder, backup)
  const marker = await requireEmptyOrBegun(dataDir, backup)
  if (manifest.database !== undefined && openTables === undefined) {
    throw new AppError(
      'RESTORE_REFUSED',
      `The backup ${backup} holds a database, and there is none to fill here.`,
    )
  }
  const { damages } = await verifyBackups(folder, backup, (done, of) => onProgress?.('check', done, of))
  const [damage] = damages
  if (damage !== undefined) {
    const message = `${damage.file} of the backup ${backup} ${damage.what}. Nothing was restored; try an older backup.`
    throw new AppError('BACKUP_DAMAGED', message, { facts: { file: damage.file, damaged: damages.length } })
  }
  try {
    return await restoreAll(options, backup, manifest, marker)
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    const message = `The restore to ${dataDir} could not go on. Run it again to continue; until then, do not start on that folder.`
    throw new AppError('RESTORE_FAILED', message, { cause, facts: { dataDir } })
  }
}

async function restoreAll(
  options: RestoreOptions,
  backup: string,
  manifest: Manifest,
  marker: Marker | undefined,
): Promise<RestoreReport> {
  const { folder, dataDir } = options
  await mkdir(dataDir, { recursive: true, mode: PRIVATE_FOLDER })
  const begun: Marker = { done: [], ...marker, backup, folder }
  await saveMarker(dataDir, begun)
  for (const file of manifest.dataFiles) await restoreDataFile(folder, dataDir, file)
  const events = await restoreEvents(options, manifest, begun, marker === undefined)
  const rows = await restoreTables(options, manifest)
  await rm(join(dataDir, MARKER), { force: true })
  return { backup, ...events, rows, dataFiles: manifest.dataFiles.length }
}

async function newestName(folder: string): Promise<string> {
  const name = (await backupNames(folder)).at(-1)
  if (name !== undefined) return name
  throw new AppError('BACKUP_NOT_FOUND', `There is no backup in ${folder}.`)
}

async function requireEmptyOrBegun(dataDir: string, backup: string): Promise<Marker | undefined> {
  const names = await readdir(dataDir).catch(() => [])
  if (names.length === 0) return undefined
  const marker = await readMarker(dataDir)
  if (marker?.backup === backup) return marker
  const what = marker === undefined ? 'is not empty' : `holds an unfinished restore of ${marker.backup}`
  const message = `The data folder ${dataDir} ${what}. A backup is restored into an empty folder only: choose another one with --data.`
  throw new AppError('RESTORE_REFUSED', message, { facts: { dataDir } })
}

/**
 * For whoever opens a data folder to work with it.
 *
 * @throws AppError RESTORE_REFUSED when a restore into it has not come to its end: part of it would be taken for all.
 */
export async function requireRestored(dataDir: string): Promise<void> {
  const text = await readFile(join(dataDir, MARKER), 'utf8').catch((error: NodeJS.ErrnoException) => {
    // A mark that is there and cannot be read is a mark all the same.
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') return ''
  })
  if (text === undefined) return
  const { backup = '', folder = 'FOLDER' } = (await readMarker(dataDir)) ?? {}
  const which = backup === '' ? '' : ` --backup ${backup}`
  const message =
    `The data folder ${dataDir} holds a part of ${backup === '' ? 'a backup' : backup} only, since its restore was broken ` +
    `off. Finish it with: stoa restore ${folder}${which} --data ${dataDir}`
  throw new AppError('RESTORE_REFUSED', message, { facts: { dataDir } })
}

async function readMarker(dataDir: string): Promise<Marker | undefined> {
  try {
    return markerSchema.parse(JSON.parse(await readFile(join(dataDir, MARKER), 'utf8')))
  } catch {
    return undefined
  }
}

function saveMarker(dataDir: string, marker: Marker): Promise<void> {
  return replaceFile(join(dataDir, MARKER), JSON.stringify(marker))
}

interface RestoredEvents {
  events: number
  refused: Partial<Record<RefusalWord, number>>
}

/** Oldest first, as events came into being. Which of them stay does not depend on the order. */
async function restoreEvents(
  options: RestoreOptions,
  manifest: Manifest,
  marker: Marker,
  isFirstRun: boolean,
): Promise<RestoredEvents> {
  const { dataDir, openStore, onProgress, signal } = options
  const store = await openStore()
  try {
    if (isFirstRun && store.stats().events > 0) {
      // Otherwise the next run would take these for events that this one has restored.
      await rm(join(dataDir, MARKER), { force: true })
      throw new AppError(
        'RESTORE_REFUSED',
        'The event store is not empty. A backup is restored into an empty one only.',
      )
    }
    const done = new Set(marker.done)
    const restored: RestoredEvents = { events: 0, refused: {} }
    let seen = 0
    for (const file of manifest.eventFiles) {
      seen += file.events
      if (done.has(file.file)) continue
      signal.throwIfAborted()
      await restoreFile(options, store, file, restored)
      done.add(file.file)
      await saveMarker(dataDir, { ...marker, done: [...done] })
      onProgress?.('events', seen, manifest.events)
    }
    return restored
  } finally {
    await store.close()
  }
}

async function restoreFile(
  options: RestoreOptions,
  store: EventStore,
  file: EventFile,
  restored: RestoredEvents,
): Promise<void> {
  let batch: Buffer[] = []
  for await (const lines of readLinesOf(options.folder, file)) {
    for (const line of lines) {
      batch.push(line)
      if (batch.length < BATCH_EVENTS) continue
      await putBatch(options, store, batch, restored)
      batch = []
    }
  }
  await putBatch(options, store, batch, restored)
}

async function putBatch(
  { verifyBatch, clock }: RestoreOptions,
  store: EventStore,
  lines: readonly Buffer[],
  restored: RestoredEvents,
): Promise<void> {
  const read = lines.flatMap((line) => readEvent(line) ?? [])
  const answers = await verifyBatch?.(read.map(({ event }) => event))
  const valid = read.filter((_, index) => answers === undefined || answers[index] === true)
  refuse(restored, 'invalid', lines.length - valid.length)
  if (valid.length === 0) return
  const outcomes = await store.put(
    valid.map(({ bytes }) => bytes),
    clock.nowSeconds(),
  )
  for (const outcome of outcomes) {
    if (outcome.status === 'failed') throw new Error(`the store could not write: ${outcome.message}`)
    // A duplicate is one that an earlier run has restored.
    if (outcome.status === 'stored' || outcome.status === 'duplicate') restored.events += 1
    else refuse(restored, outcome.status, 1)
  }
}

function refuse({ refused }: RestoredEvents, word: RefusalWord, count: number): void {
  if (count > 0) refused[word] = (refused[word] ?? 0) + count
}

/** An event with its canonical bytes; undefined when it is none, or its id is not its own. */
function readEvent(line: Buffer): { readonly event: NostrEvent; readonly bytes: Uint8Array } | undefined {
  let json: unknown
  try {
    json = JSON.parse(line.toString('utf8'))
  } catch {
    return undefined
  }
  const parsed = parseEvent(json)
  if (!parsed.ok) return undefined
  const canonical = canonicalize(parsed.value)
  if (canonical.id !== parsed.value.id) return undefined
  return { event: parsed.value, bytes: Buffer.from(canonical.json) }
}

async function restoreTables(
  { folder, openTables }: RestoreOptions,
  { database }: Manifest,
): Promise<number> {
  if (database === undefined || openTables === undefined) return 0
  const tables = await openTables()
  let rows = 0
  try {
    const dumps = database.tables.map((file) => [file.table, () => readTable(folder, file)] as const)
    await tables.load(database.migration, new Map(dumps), (more) => {
      rows += more
    })
    return rows
  } finally {
    await tables.close()
  }
}

/** The first line holds the names of the columns. */
async function readTable(folder: string, file: TableFile): Promise<DumpedTable> {
  const groups = readLinesOf(folder, file)
  const first = await groups.next()
  const [head, ...rest] = first.value ?? []
  const columns = z.array(z.string()).parse(JSON.parse(head?.toString('utf8') ?? ''))
  return { table: file.table, columns, rows: textsOf(rest, groups) }
}

/** At most so many rows go to the database at once. */
const BATCH_ROWS = 500

async function* textsOf(
  first: readonly Buffer[],
  groups: AsyncGenerator<readonly Buffer[]>,
): AsyncGenerator<readonly string[]> {
  yield* inBatches(first)
  for await (const group of groups) yield* inBatches(group)
}

function* inBatches(lines: readonly Buffer[]): Generator<readonly string[]> {
  for (let at = 0; at < lines.length; at += BATCH_ROWS) {
    yield lines.slice(at, at + BATCH_ROWS).map((line) => line.toString('utf8'))
  }
}
