import { MAX_EPOCH } from './ccp-packet.ts'
import { type Announcement, isSameAnnouncement } from './export-policy.ts'

/** What became of a prefix: announced anew, or no more. */
export interface LogEntry {
  readonly prefix: string
  readonly epoch: number
  readonly announcement: Announcement | undefined
}

export interface ForwardingLogOptions {
  /** 16 random bytes as hex: a UUID of version 4. */
  readonly newTableId: () => string
  /** Prefixes that are gone and still written of, so that whoever heard of them hears of that. Default 10,000. */
  readonly maxWithdrawn?: number
}

const MAX_WITHDRAWN = 10_000
/** Superseded entries are swept out when they are more than this, and more than the others. */
const MIN_SUPERSEDED = 256

/**
 * Everything that we announce, as a log of changes: of each prefix the latest. Who knows it up to an epoch is told what
 * comes after. It begins anew, as another table, before it grows beyond its bounds.
 */
export class ForwardingLog {
  readonly #options: Required<ForwardingLogOptions>
  #tableId: string
  #epoch = 0
  /** By epoch. */
  #entries: LogEntry[] = []
  readonly #latest = new Map<string, LogEntry>()
  #announced = 0

  constructor(options: ForwardingLogOptions) {
    this.#options = { maxWithdrawn: MAX_WITHDRAWN, ...options }
    this.#tableId = options.newTableId()
  }

  get tableId(): string {
    return this.#tableId
  }

  /** Of the next entry. */
  get epoch(): number {
    return this.#epoch
  }

  /** Prefixes that are announced. */
  get size(): number {
    return this.#announced
  }

  /** Writes down what is announced of a prefix from now on, if that is something else than before. */
  record(prefix: string, announcement: Announcement | undefined): void {
    const before = this.#latest.get(prefix)
    if (isSameAnnouncement(before?.announcement, announcement)) return
    this.#append(prefix, announcement)
    this.#announced += Number(announcement !== undefined) - Number(before?.announcement !== undefined)
    const withdrawn = this.#latest.size - this.#announced
    if (withdrawn > this.#options.maxWithdrawn || this.#epoch >= MAX_EPOCH) this.#beginAnew()
    else if (this.#entries.length > 2 * this.#latest.size + MIN_SUPERSEDED) this.#sweep()
  }

  /** What is to be told to who knows everything before this epoch, in order. */
  *entriesFrom(epoch: number): Iterable<LogEntry> {
    for (let index = this.#indexOf(epoch); index < this.#entries.length; index++) {
      const entry = this.#entries[index]!
      if (this.#latest.get(entry.prefix) === entry) yield entry
    }
  }

  #append(prefix: string, announcement: Announcement | undefined): void {
    const entry: LogEntry = { prefix, epoch: this.#epoch++, announcement }
    this.#entries.push(entry)
    this.#latest.set(prefix, entry)
  }

  #sweep(): void {
    this.#entries = this.#entries.filter((entry) => this.#latest.get(entry.prefix) === entry)
  }

  #beginAnew(): void {
    const standing = this.#entries.filter(
      (entry) => entry.announcement !== undefined && this.#latest.get(entry.prefix) === entry,
    )
    this.#tableId = this.#options.newTableId()
    this.#epoch = 0
    this.#entries = []
    this.#latest.clear()
    for (const { prefix, announcement } of standing) this.#append(prefix, announcement)
  }

  /** Of the first entry that is not before this epoch. */
  #indexOf(epoch: number): number {
    let from = 0
    let to = this.#entries.length
    while (from < to) {
      const middle = (from + to) >> 1
      if (this.#entries[middle]!.epoch < epoch) from = middle + 1
      else to = middle
    }
    return from
  }
}
