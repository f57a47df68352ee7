import { closeSync, openSync, readSync } from 'node:fs'
import { AppError } from '../../kernel/index.ts'
import type { ColumnName } from './columns.ts'
import { bytesPerValue, type IndexHeader } from './index-file.ts'
import type { Column } from './segment.ts'

const PAGE_BYTES = 16 * 1024
/** One look-up goes through several columns; with fewer pages it would read the same ones over and over. */
const MIN_PAGES = 64

/**
 * Pages of index files that are not kept in memory, least recently used first out. One for a whole store, so
 * that the bound holds for all cold segments together.
 */
export class PageCache {
  readonly #maxPages: number
  readonly #pages = new Map<string, Page>()
  #files = 0
  #hits = 0
  #misses = 0

  constructor(maxBytes: number) {
    this.#maxPages = Math.max(MIN_PAGES, Math.floor(maxBytes / PAGE_BYTES))
  }

  get memoryBytes(): number {
    return this.#pages.size * PAGE_BYTES
  }

  /** Since it was made. */
  get stats() {
    return { hits: this.#hits, misses: this.#misses, bytes: this.memoryBytes }
  }

  /** Opens a file whose pages this cache will keep. @param check throws when a page is not what was written. */
  open(path: string, check?: PageCheck): ColdFile {
    return new ColdFile(++this.#files, path, check)
  }

  page(file: ColdFile, number: number): Page {
    const name = `${file.id}:${number}`
    let page = this.#pages.get(name)
    // Maps keep insertion order: what is used moves to the end, the first is the one to let go.
    if (page !== undefined) {
      this.#hits++
      this.#pages.delete(name)
    } else {
      this.#misses++
      page = { bytes: this.#memoryForPage() }
      file.read(number * PAGE_BYTES, page.bytes!)
    }
    this.#pages.set(name, page)
    return page
  }

  /** That of the page used longest ago, when there are as many as there may be. */
  #memoryForPage(): Buffer {
    if (this.#pages.size >= this.#maxPages) {
      for (const [name, page] of this.#pages) {
        const { bytes } = page
        page.bytes = undefined
        this.#pages.delete(name)
        if (bytes !== undefined) return bytes
      }
    }
    // A buffer of its own: a shared pool would keep a big one alive for each page.
    return Buffer.alloc(PAGE_BYTES)
  }
}

/** A page in the cache; whoever remembers it sees when it was let go, and does not keep its bytes alive. */
export interface Page {
  bytes: Buffer | undefined
}

/** Told each page that comes from disk, and where it begins in the file. */
export type PageCheck = (position: number, bytes: Buffer) => void

/** An index file that is read by page. */
export class ColdFile {
  /** Tells it from every other file of its cache, an older index of the same segment too. */
  readonly id: number
  readonly #path: string
  readonly #check: PageCheck | undefined
  #file: number | undefined

  constructor(id: number, path: string, check?: PageCheck) {
    this.id = id
    this.#path = path
    this.#check = check
    this.#file = openSync(path, 'r')
  }

  /** Fills `bytes` from `position` on, with zeros behind the end of the file. */
  read(position: number, bytes: Buffer): void {
    if (this.#file === undefined) throw new AppError('STORE_CLOSED', `${this.#path} is not open any more.`)
    let done = 0
    while (done < bytes.length) {
      const count = readSync(this.#file, bytes, done, bytes.length - done, position + done)
      if (count === 0) break
      done += count
    }
    bytes.fill(0, done)
    this.#check?.(position, bytes)
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }
}

/** A column of a cold index. Columns start at multiples of 8, so that no value spans two pages. */
export class PagedColumn implements Column {
  readonly length: number
  readonly #cache: PageCache
  readonly #file: ColdFile
  readonly #offset: number
  readonly #width: number
  #pageNumber = -1
  #page: Page = NO_PAGE

  constructor(cache: PageCache, file: ColdFile, header: IndexHeader, name: ColumnName) {
    const place = header.columns[name]
    this.length = place.length
    this.#cache = cache
    this.#file = file
    this.#offset = place.offset
    this.#width = bytesPerValue(name)
  }

  at(index: number): number {
    const position = this.#offset + index * this.#width
    const number = Math.floor(position / PAGE_BYTES)
    const bytes = (number === this.#pageNumber ? this.#page.bytes : undefined) ?? this.#turnTo(number)
    const within = position % PAGE_BYTES
    if (this.#width === 4) return bytes.readUInt32LE(within)
    return this.#width === 8 ? bytes.readDoubleLE(within) : bytes.readUInt16LE(within)
  }

  #turnTo(number: number): Buffer {
    this.#page = this.#cache.page(this.#file, number)
    this.#pageNumber = number
    return this.#page.bytes!
  }
}

const NO_PAGE: Page = { bytes: undefined }
