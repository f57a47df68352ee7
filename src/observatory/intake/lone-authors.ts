import type { RelayFeed } from '../event-intake.ts'
import { FingerprintTable } from './fingerprint-table.ts'

/** Words of a row after the fingerprint: the relay that showed the author first; the window, and whether it is alone. */
const RELAY = 2
const WINDOW_AND_LONE = 3
const WORDS = 4

export interface LoneAuthorsOptions {
  readonly maxAuthors: number
  readonly maxLone: number
  readonly windowSeconds: number
}

interface RelayCount {
  feed: RelayFeed
  authors: number
}

/**
 * Finds the relays that invent keys. In each window the new authors are counted that a relay has shown and no other one
 * has since; a relay with more than `maxLone` of them has offended, and in the next window its events of authors that
 * nobody has seen are refused (and counted, so that it stays so while it goes on). Judged at the end of a window, because
 * the first relay that answers after a start is alone with everybody for a while.
 */
export class LoneAuthors {
  readonly #options: LoneAuthorsOptions
  #younger: FingerprintTable
  #older: FingerprintTable | undefined
  readonly #counts = new Map<number, RelayCount>()
  #guilty = new Set<number>()
  #window = 1
  #windowEndsAtSeconds: number
  #words: Uint32Array

  constructor(options: LoneAuthorsOptions, nowSeconds: number) {
    this.#options = options
    this.#younger = new FingerprintTable(options.maxAuthors, WORDS)
    this.#words = this.#younger.words
    this.#windowEndsAtSeconds = nowSeconds + options.windowSeconds
  }

  /** Is this an author whom nobody has seen, shown by a relay that has invented some? */
  isRefused(feed: RelayFeed, high: number, low: number, nowSeconds: number): boolean {
    if (nowSeconds >= this.#windowEndsAtSeconds) this.#endWindow(nowSeconds)
    if (feed.isOwn === true || !this.#guilty.has(feed.relay) || this.#find(high, low) !== -1) return false
    this.#countOf(feed).authors++
    return true
  }

  /** A relay shows an event of that author. True while it is the only one that has shown the author. */
  note(feed: RelayFeed, high: number, low: number): boolean {
    const at = this.#find(high, low)
    if (at === -1) {
      this.#add(feed, high, low)
      return true
    }
    const state = this.#words[at + WINDOW_AND_LONE]!
    if ((state & 1) === 0) return false
    const first = this.#words[at + RELAY]!
    if (first === feed.relay) return true
    this.#words[at + WINDOW_AND_LONE] = state & ~1
    const count = this.#counts.get(first)
    if (count !== undefined && state >>> 1 === this.#window) count.authors--
    return false
  }

  #add(feed: RelayFeed, high: number, low: number): void {
    if (this.#younger.isFull) this.#rotate()
    const at = this.#younger.add(high, low)
    const { words } = this.#younger
    words[at + RELAY] = feed.relay
    words[at + WINDOW_AND_LONE] = (this.#window << 1) | 1
    this.#countOf(feed).authors++
  }

  #countOf(feed: RelayFeed): RelayCount {
    const count = this.#counts.get(feed.relay)
    if (count !== undefined) {
      // A relay that was connected to again has another feed.
      count.feed = feed
      return count
    }
    const created = { feed, authors: 0 }
    this.#counts.set(feed.relay, created)
    return created
  }

  #endWindow(nowSeconds: number): void {
    this.#guilty = new Set()
    for (const [relay, { feed, authors }] of this.#counts) {
      if (authors <= this.#options.maxLone || feed.isOwn === true) continue
      this.#guilty.add(relay)
      feed.offend('too-many-keys')
    }
    this.#counts.clear()
    this.#window++
    this.#windowEndsAtSeconds = nowSeconds + this.#options.windowSeconds
  }

  #find(high: number, low: number): number {
    this.#words = this.#younger.words
    const at = this.#younger.find(high, low)
    if (at !== -1 || this.#older === undefined) return at
    this.#words = this.#older.words
    return this.#older.find(high, low)
  }

  #rotate(): void {
    const next = this.#older ?? new FingerprintTable(this.#options.maxAuthors, WORDS)
    next.clear()
    this.#older = this.#younger
    this.#younger = next
  }
}
