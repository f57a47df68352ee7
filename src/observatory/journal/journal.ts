import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AppError } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import {
  createJournalFile,
  FIRST_RECORD_AT,
  hasMark,
  RECORD_OVERHEAD_BYTES,
  readRecord,
  writeRecord,
} from './journal-file.ts'

export interface JournalOptions {
  /** Made when it is not there. Of this process alone. */
  readonly folder: string
  /** What all files together may take on disk. */
  readonly maxBytes: number
  readonly logger: Logger
}

/**
 * Records that wait on disk, first in, first out. What was delivered partly is delivered again after a restart: a record is
 * forgotten with its file, when all of the file was removed.
 */
export interface Journal {
  /** True: the record is on disk. False: there is no room for it, by the bound or on the disk; nothing was written. */
  append(bytes: Buffer): Promise<boolean>
  /** The oldest record; undefined when there is none. */
  oldest(): Promise<Buffer | undefined>
  /** Forgets the record that `oldest` has given. */
  removeOldest(): Promise<void>
  readonly isEmpty: boolean
  /** On disk, what was removed of a file that has more included. */
  readonly bytes: number
  close(): Promise<void>
}

/** Files are this small, so that what was delivered leaves the disk soon. */
const FILES_AT_MOST_BYTES = 8 * 1024 * 1024
const FILES_IN_JOURNAL = 8
const NAME = /^(\d{10})\.journal$/

/**
 * Opens the journal with what an earlier run has left in it. An unfinished record at the end of a file is passed over: it
 * was never promised.
 *
 * @throws AppError OBSERVATORY_JOURNAL_FAILED when the folder cannot be used.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { folder } = options
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const names = (await readdir(folder)).filter((name) => NAME.test(name)).toSorted()
    const files = await Promise.all(
      names.map(async (name) => ({
        number: Number(NAME.exec(name)?.[1]),
        size: (await stat(join(folder, name))).size,
      })),
    )
    const journal = new FileJournal(options, files)
    // Only with this is it known whether anything of them is left to be delivered.
    await journal.oldest()
    return journal
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unknown'
    throw new AppError(
      'OBSERVATORY_JOURNAL_FAILED',
      `The journal in ${folder} cannot be opened: ${reason}.`,
      { cause },
    )
  }
}

interface JournalFile {
  readonly number: number
  size: number
}

class FileJournal implements Journal {
  readonly #options: JournalOptions
  readonly #fileBytes: number
  /** Oldest first; the newest is written to when `#writing` is there. */
  readonly #files: JournalFile[]
  #bytes: number
  #nextNumber: number
  #writing: FileHandle | undefined
  #reading: FileHandle | undefined
  #readAt = FIRST_RECORD_AT
  /** Where the record after the one that was read begins. */
  #readNext: number | undefined
  #isDrained = false
  /** Operations are done one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: JournalOptions, files: readonly JournalFile[]) {
    this.#options = options
    this.#fileBytes = Math.max(
      1,
      Math.min(FILES_AT_MOST_BYTES, Math.floor(options.maxBytes / FILES_IN_JOURNAL)),
    )
    this.#files = [...files]
    this.#bytes = files.reduce((sum, { size }) => sum + size, 0)
    this.#nextNumber = (files.at(-1)?.number ?? 0) + 1
  }

  get isEmpty(): boolean {
    return this.#isDrained
  }

  get bytes(): number {
    return this.#bytes
  }

  append(bytes: Buffer): Promise<boolean> {
    return this.#inTurn(() => this.#append(bytes))
  }

  oldest(): Promise<Buffer | undefined> {
    return this.#inTurn(() => this.#oldest())
  }

  removeOldest(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#readNext === undefined) return
      this.#readAt = this.#readNext
      this.#readNext = undefined
      // Removes what is at its end, and sees whether there is more.
      await this.#oldest()
    })
  }

  close(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#writing?.close()
      await this.#reading?.close()
      this.#writing = undefined
      this.#reading = undefined
    })
  }

  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#last.then(operation)
    this.#last = result.catch(() => {})
    return result
  }

  async #append(bytes: Buffer): Promise<boolean> {
    const needed = bytes.length + RECORD_OVERHEAD_BYTES + (this.#writing === undefined ? FIRST_RECORD_AT : 0)
    if (this.#bytes + needed > this.#options.maxBytes) return false
    try {
      const handle = this.#writing ?? (await this.#beginFile())
      const file = this.#files.at(-1)!
      const end = await writeRecord(handle, file.size, bytes)
      this.#bytes += end - file.size
      file.size = end
      this.#isDrained = false
      if (end >= this.#fileBytes) await this.#endFile()
      return true
    } catch (err) {
      this.#options.logger.error({ err, journalBytes: this.#bytes }, 'observatory.journal_write_failed')
      // What is half written has no whole record behind it: a new file begins after it.
      await this.#endFile()
      return false
    }
  }

  async #beginFile(): Promise<FileHandle> {
    const number = this.#nextNumber++
    const handle = await createJournalFile(this.#pathOf(number))
    this.#writing = handle
    this.#files.push({ number, size: FIRST_RECORD_AT })
    this.#bytes += FIRST_RECORD_AT
    await syncFolder(this.#options.folder)
    return handle
  }

  async #endFile(): Promise<void> {
    const handle = this.#writing
    this.#writing = undefined
    // It was synchronized with its last record; closing tells nothing new.
    await handle?.close().catch(() => {})
  }

  async #oldest(): Promise<Buffer | undefined> {
    for (let file = this.#files[0]; file !== undefined; file = this.#files[0]) {
      this.#reading ??= await open(this.#pathOf(file.number), 'r')
      const isOurs = this.#readAt > FIRST_RECORD_AT || (await hasMark(this.#reading))
      const record = isOurs ? await readRecord(this.#reading, this.#readAt) : undefined
      if (record !== undefined) {
        this.#readNext = record.next
        return record.bytes
      }
      await this.#removeFile(file)
    }
    this.#isDrained = true
    return undefined
  }

  /** Of the oldest file everything that is whole was removed. */
  async #removeFile(file: JournalFile): Promise<void> {
    const tornBytes = file.size - this.#readAt
    if (tornBytes > 0) this.#options.logger.warn({ tornBytes, file: file.number }, 'observatory.journal_torn')
    if (this.#files.length === 1) await this.#endFile()
    await this.#reading?.close()
    this.#reading = undefined
    this.#readAt = FIRST_RECORD_AT
    await rm(this.#pathOf(file.number), { force: true })
    this.#files.shift()
    this.#bytes -= file.size
  }

  #pathOf(number: number): string {
    return join(this.#options.folder, `${number.toString().padStart(10, '0')}.journal`)
  }
}

/** A new name is on disk when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
