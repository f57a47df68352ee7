/**
 * The events of a store as files, each with all the events of a stretch of time.
 *
 * Files are written oldest first, and each is completed by what came into its stretch while it was read. So a replaceable
 * event that is replaced meanwhile is there in one version at least: if the old one was gone when its stretch was read, the
 * new one was there already, and its stretch comes later or is the same.
 */
import { createHash } from 'node:crypto'
import { appendFile, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type EventPage, type EventStore, type IdSet, type TimeRange, timeWindows } from '../events/index.ts'
import type { Filter } from '../nostr/index.ts'
import { damageOf, writeContent } from './content.ts'
import { type EventFile, parseEventFile } from './manifest.ts'
import { PRIVATE_FILE } from './private-file.ts'

const JOURNAL = 'unfinished.jsonl'
const PAGE_EVENTS = 500
/** Events that came in while a file was written are fetched so many at a time. */
const FETCH_IDS = 500
/** Looks for such events; a second that never comes to rest must not hold a backup up. */
const MAX_LOOKS = 5
const ID_BYTES = 32
/** `{"id":"` */
const ID_AT = 7
/** A file with less than this share of what one may hold is written together with its neighbours next time. */
const SMALL_SHARE = 0.25

export interface FileBounds {
  readonly maxEvents: number
  readonly maxPlainBytes: number
}

export const FILE_BOUNDS: FileBounds = { maxEvents: 20_000, maxPlainBytes: 64 * 1024 * 1024 }

export interface WriteEventsOptions {
  readonly store: EventStore
  readonly folder: string
  /** Files that may be taken over if nothing has changed in their stretch: those of the last backup. */
  readonly earlier: readonly EventFile[]
  readonly nowSeconds: number
  readonly signal: AbortSignal
  readonly bounds?: FileBounds
  /** Between two steps, so that a running program has time for others. */
  readonly rest?: () => Promise<void>
  /** Told after each step. */
  readonly onEvents?: (events: number) => void
  readonly onFile?: (file: EventFile, isNew: boolean) => void
}

/** Everything that the store holds and that has not expired; oldest files first. What an aborted run has written is used. */
export async function writeEvents(options: WriteEventsOptions): Promise<readonly EventFile[]> {
  const { folder, earlier, bounds = FILE_BOUNDS } = options
  const usable = [...(await readJournal(folder)), ...earlier].filter((file) => !isSmall(file, bounds))
  const files: EventFile[] = []
  let sinceSeconds = 0
  const writeUpTo = async (untilSeconds: number): Promise<void> => {
    if (sinceSeconds <= untilSeconds)
      files.push(...(await writeRange(options, { sinceSeconds, untilSeconds })))
    sinceSeconds = untilSeconds + 1
  }
  for (const candidate of withoutOverlaps(usable)) {
    await writeUpTo(candidate.sinceSeconds - 1)
    if (await isUnchanged(options, candidate)) {
      files.push(candidate)
      sinceSeconds = candidate.untilSeconds + 1
      options.onEvents?.(candidate.events)
      options.onFile?.(candidate, false)
    } else await writeUpTo(candidate.untilSeconds)
  }
  await writeUpTo(Number.MAX_SAFE_INTEGER)
  return files
}

/** Once the manifest names them, they need not be remembered here. */
export async function forgetUnfinished(folder: string): Promise<void> {
  await rm(join(folder, JOURNAL), { force: true })
}

/** Event files of a backup that did not come to its end. */
export async function readJournal(folder: string): Promise<readonly EventFile[]> {
  const text = await readFile(join(folder, JOURNAL), 'utf8').catch(() => '')
  // The last line may be torn; what it spoke of is written again.
  return text.split('\n').flatMap((line) => parseEventFile(line) ?? [])
}

function isSmall({ events, plainBytes }: EventFile, { maxEvents, maxPlainBytes }: FileBounds): boolean {
  return events < maxEvents * SMALL_SHARE && plainBytes < maxPlainBytes * SMALL_SHARE
}

/** The first one that speaks of a second wins; in the order of time. */
function withoutOverlaps(files: readonly EventFile[]): readonly EventFile[] {
  const chosen: EventFile[] = []
  for (const file of files) {
    const isFree = chosen.every(
      (other) => other.untilSeconds < file.sinceSeconds || file.untilSeconds < other.sinceSeconds,
    )
    if (isFree) chosen.push(file)
  }
  return chosen.sort((a, b) => a.sinceSeconds - b.sinceSeconds)
}

/** Is the file whole, and are its events exactly those that the store holds in its stretch? */
async function isUnchanged(
  { store, folder, nowSeconds, rest }: WriteEventsOptions,
  file: EventFile,
): Promise<boolean> {
  const { sinceSeconds: since, untilSeconds: until, events } = file
  const ids = await store.idSet({ since, until }, events, nowSeconds)
  await rest?.()
  if (ids === undefined || ids.createdAt.length !== events) return false
  return idsSha256(ids) === file.idsSha256 && (await damageOf(folder, file)) === undefined
}

async function writeRange(options: WriteEventsOptions, range: TimeRange): Promise<readonly EventFile[]> {
  const { store, nowSeconds, rest, bounds = FILE_BOUNDS, signal } = options
  const files: EventFile[] = []
  const windows = timeWindows(store, {
    ...range,
    maxEvents: bounds.maxEvents,
    nowSeconds,
    ...(rest && { rest }),
  })
  for await (const window of windows) {
    signal.throwIfAborted()
    files.push(...(await writeStretch(options, window)))
  }
  return files
}

/** One file, or several when their bytes are too many for one. */
async function writeStretch(options: WriteEventsOptions, range: TimeRange): Promise<readonly EventFile[]> {
  const { folder, signal, onFile, bounds = FILE_BOUNDS } = options
  const { sinceSeconds, untilSeconds } = range
  const isOneSecond = sinceSeconds === untilSeconds
  const lines = new EventLines(options, range, isOneSecond ? Number.POSITIVE_INFINITY : bounds.maxPlainBytes)
  try {
    const content = await writeContent(folder, `events-${sinceSeconds}`, lines.read(), signal)
    const { events, plainBytes } = lines
    if (events === 0) return []
    const file = { ...content, events, plainBytes, sinceSeconds, untilSeconds, idsSha256: lines.idsSha256() }
    await note(folder, file)
    onFile?.(file, true)
    return [file]
  } catch (error) {
    if (!(error instanceof TooManyBytes)) throw error
    options.onEvents?.(-lines.events)
    const middle = sinceSeconds + Math.floor((untilSeconds - sinceSeconds) / 2)
    return [
      ...(await writeStretch(options, { sinceSeconds, untilSeconds: middle })),
      ...(await writeStretch(options, { sinceSeconds: middle + 1, untilSeconds })),
    ]
  }
}

async function note(folder: string, file: EventFile): Promise<void> {
  const path = join(folder, JOURNAL)
  // A torn line of an earlier run must not take this one with it.
  await appendFile(path, `\n${JSON.stringify(file)}\n`, { mode: PRIVATE_FILE })
  await using handle = await open(path, 'r+')
  await handle.sync()
}

/** Not a fault: the stretch is cut in two. */
class TooManyBytes extends Error {}

/** Reads a stretch, a page at a time. */
class EventLines {
  events = 0
  plainBytes = 0
  readonly #options: WriteEventsOptions
  readonly #range: Filter
  readonly #maxPlainBytes: number
  readonly #hash = createHash('sha256')
  readonly #written = new Set<string>()

  constructor(options: WriteEventsOptions, { sinceSeconds, untilSeconds }: TimeRange, maxPlainBytes: number) {
    this.#options = options
    this.#range = { since: sinceSeconds, until: untilSeconds }
    this.#maxPlainBytes = maxPlainBytes
  }

  /** Once, when everything was read. */
  idsSha256(): string {
    return this.#hash.digest('hex')
  }

  async *read(): AsyncGenerator<Buffer> {
    yield* this.#pagesOf(this.#range)
    for (let look = 0; look < MAX_LOOKS; look++) {
      const missing = await this.#missing()
      if (missing.length === 0) return
      for (let at = 0; at < missing.length; at += FETCH_IDS) {
        yield* this.#pagesOf({ ids: missing.slice(at, at + FETCH_IDS) })
      }
    }
  }

  async *#pagesOf(filter: Filter): AsyncGenerator<Buffer> {
    const { store, nowSeconds, rest, onEvents } = this.#options
    const cursor = store.query([filter], nowSeconds)
    for (;;) {
      const page = await cursor.next(PAGE_EVENTS)
      // Copied before anything else can happen: a page is good until the store's next turn.
      const lines = this.#linesOf(page)
      const { done, count } = page
      if (this.plainBytes > this.#maxPlainBytes) throw new TooManyBytes()
      if (count > 0) yield lines
      onEvents?.(count)
      await rest?.()
      if (done) return
    }
  }

  #linesOf(page: EventPage): Buffer {
    let length = page.count
    for (let index = 0; index < page.count; index++) length += page.byteLengthAt(index)
    const lines = Buffer.allocUnsafe(length)
    let at = 0
    for (let index = 0; index < page.count; index++) {
      const id = lines.subarray(at + ID_AT, at + ID_AT + ID_BYTES * 2)
      at += page.copyAt(index, lines, at)
      at = lines.writeUInt8(0x0a, at)
      const hex = id.toString('latin1')
      this.#hash.update(hex, 'hex')
      this.#written.add(hex)
    }
    this.events += page.count
    this.plainBytes += length
    return lines
  }

  /** What the store holds of the stretch by now, and was not written. */
  async #missing(): Promise<readonly string[]> {
    const { store, nowSeconds } = this.#options
    const { ids } = (await store.idSet(this.#range, Number.MAX_SAFE_INTEGER, nowSeconds)) ?? {
      ids: new Uint8Array(),
    }
    const hex = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength).toString('hex')
    const missing: string[] = []
    for (let at = 0; at < hex.length; at += ID_BYTES * 2) {
      const id = hex.slice(at, at + ID_BYTES * 2)
      if (!this.#written.has(id)) missing.push(id)
    }
    return missing
  }
}

/** The hash of a set in the order that a query gives it: its seconds backwards, the ids of a second forwards. */
function idsSha256({ createdAt, ids }: IdSet): string {
  const hash = createHash('sha256')
  for (let end = createdAt.length; end > 0; ) {
    let start = end - 1
    while (start > 0 && createdAt[start - 1] === createdAt[end - 1]) start--
    hash.update(ids.subarray(start * ID_BYTES, end * ID_BYTES))
    end = start
  }
  return hash.digest('hex')
}
