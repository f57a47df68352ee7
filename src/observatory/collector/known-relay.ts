import type { DirectoryEntry } from '../relay-directory.ts'
import type { RelayCursor, RelayState } from '../relay-report.ts'
import type { Plannable } from './plan.ts'
import type { RelayWatch } from './relay-watch.ts'

/** Nearly all addresses were never read: one object stands for all of them. */
const NOTHING_READ: RelayCursor = { since: undefined, until: undefined }

/**
 * A relay that is known; the watch is made when it is first tried. There are tens of thousands of them and most lead
 * nowhere, so nothing is here that only a connection needs.
 */
export class KnownRelay implements Plannable {
  readonly url: string
  readonly isPinned: boolean
  watch: RelayWatch | undefined
  isOurs: boolean
  #entry: DirectoryEntry

  /** @param isPinned it is our own relay. */
  constructor(entry: DirectoryEntry, isOurs: boolean, isPinned: boolean) {
    this.url = entry.url
    this.isOurs = isOurs
    this.isPinned = isPinned
    this.#entry = slim(entry, entry.url)
  }

  get entry(): DirectoryEntry {
    return this.#entry
  }

  /** What the directory says now. What a watch of ours knows is newer. */
  set entry(entry: DirectoryEntry) {
    this.#entry = slim(entry, this.url)
  }

  get state(): RelayState {
    return this.watch?.state ?? (this.entry.isProven ? 'waiting' : 'candidate')
  }

  get isProven(): boolean {
    return this.watch?.isProven ?? this.entry.isProven
  }

  get isActive(): boolean {
    return this.watch?.isActive ?? false
  }

  get isConnected(): boolean {
    return this.watch?.isConnected ?? false
  }

  get failures(): number {
    return this.watch?.failures ?? this.entry.failures
  }

  get activeSinceMs(): number {
    return this.watch?.activeSinceMs ?? 0
  }

  get liveSinceMs(): number | undefined {
    return this.watch?.liveSinceMs
  }

  /** When it may be tried; never while it is refused. */
  get nextTryMs(): number {
    if (this.watch?.state === 'refused' || this.entry.isRefused === true) return Number.POSITIVE_INFINITY
    return this.watch?.nextTryMs ?? this.entry.nextTrySeconds * 1_000
  }
}

/** With the address in the one copy that is kept anyway: the directory makes a new one each time that it is read. */
function slim(entry: DirectoryEntry, url: string): DirectoryEntry {
  const isUnread = entry.cursor.since === undefined && entry.cursor.until === undefined
  return { ...entry, url, cursor: isUnread ? NOTHING_READ : entry.cursor }
}
