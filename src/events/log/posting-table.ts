import { grownU32 } from './growable.ts'
import type { IndexKey } from './index-key.ts'

/**
 * The mutable index of the segment being written: key → ordinals of its events, oldest first. All in typed
 * arrays (about 40 bytes a key and 4 to 8 an entry), because a million small JavaScript objects would keep
 * the garbage collector busy for the life of the process.
 *
 * Entries arrive almost in order. What arrives out of order is appended and merged in when the list is read.
 */
export class PostingTable {
  /** Slot → list + 1; open addressing, at most half full. */
  #slots = new Int32Array(1024)
  #lists = 0
  /** `LIST_WORDS` numbers for each list, side by side, so that looking at a list touches one line of the cache. */
  #headers = new Uint32Array(512 * LIST_WORDS)
  #arena = new Uint32Array(2048)
  #arenaEnd = 0
  /** Abandoned arena ranges by log2 of their capacity. */
  readonly #free: number[][] = Array.from({ length: 32 }, () => [])
  readonly #order: (a: number, b: number) => number
  readonly #isFiled: (key: IndexKey, position: number, firstOrdinal: number) => boolean

  /**
   * @param order sorts ordinals oldest first, in the exact reverse of the order that queries return.
   * @param isFiled tells whether a list filed from `position`, holding `firstOrdinal`, is the key's.
   */
  constructor(
    order: (a: number, b: number) => number,
    isFiled: (key: IndexKey, position: number, firstOrdinal: number) => boolean,
  ) {
    this.#order = order
    this.#isFiled = isFiled
  }

  get listCount(): number {
    return this.#lists
  }

  get memoryBytes(): number {
    return this.#slots.byteLength + this.#headers.byteLength + this.#arena.byteLength
  }

  /** The list of a key, or -1. */
  find(key: IndexKey): number {
    const headers = this.#headers
    const mask = this.#slots.length - 1
    for (let slot = key.lo & mask; ; slot = (slot + 1) & mask) {
      const list = this.#slots[slot]! - 1
      if (list < 0) return -1
      const header = list * LIST_WORDS
      const isSameHash = headers[header + LO] === key.lo && headers[header + HI] === key.hi
      if (isSameHash && this.#holds(header, key)) return list
    }
  }

  /** Files `ordinal` under `key`, whose bytes lie at `position` in the segment. Twice the same is once. */
  add(key: IndexKey, position: number, ordinal: number): void {
    let list = this.find(key)
    if (list < 0) list = this.#createList(key, position)
    const header = list * LIST_WORDS
    const count = this.#headers[header + COUNT]!
    // An event that repeats a tag arrives here again at once: it is then the newest entry.
    if (count > 0 && this.#arena[this.#headers[header + START]! + count - 1] === ordinal) return
    if (count === 1 << this.#headers[header + CAPACITY_LOG2]!) this.#growList(header)
    const end = this.#headers[header + START]! + count
    this.#arena[end] = ordinal
    this.#headers[header + COUNT] = count + 1
    const isInOrder = count === 0 || this.#order(this.#arena[end - 1]!, ordinal) < 0
    if (isInOrder && this.#headers[header + SORTED] === count) this.#headers[header + SORTED] = count + 1
  }

  /** The hash and the position of a list's key, for sealing. */
  keyOf(list: number): { readonly hi: number; readonly lo: number; readonly position: number } {
    const header = list * LIST_WORDS
    const headers = this.#headers
    return { hi: headers[header + HI]!, lo: headers[header + LO]!, position: headers[header + POSITION]! }
  }

  /** How many entries a list has. */
  countOf(list: number): number {
    return this.#headers[list * LIST_WORDS + COUNT]!
  }

  /** The memory that all lists lie in; replaced when it grows. */
  get entries(): Uint32Array {
    return this.#arena
  }

  /**
   * Where a list begins in `entries`; it has `countOf` entries, oldest first. Brings them into order if need be, so
   * it holds until the next `add`.
   */
  startOf(list: number): number {
    const header = list * LIST_WORDS
    if (this.#headers[header + SORTED] !== this.#headers[header + COUNT]) this.#sortList(header)
    return this.#headers[header + START]!
  }

  #holds(header: number, key: IndexKey): boolean {
    return this.#isFiled(key, this.#headers[header + POSITION]!, this.#arena[this.#headers[header + START]!]!)
  }

  #createList(key: IndexKey, position: number): number {
    if ((this.#lists + 1) * LIST_WORDS > this.#headers.length) {
      this.#headers = grownU32(this.#headers, (this.#lists + 1) * LIST_WORDS)
    }
    if (this.#lists * 2 >= this.#slots.length) this.#growSlots()
    const list = this.#lists++
    const header = list * LIST_WORDS
    this.#headers[header + HI] = key.hi
    this.#headers[header + LO] = key.lo
    this.#headers[header + POSITION] = position
    this.#headers[header + START] = this.#allocate(0)
    this.#insertSlot(list)
    return list
  }

  #insertSlot(list: number): void {
    const mask = this.#slots.length - 1
    let slot = this.#headers[list * LIST_WORDS + LO]! & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = list + 1
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2)
    for (let list = 0; list < this.#lists; list++) this.#insertSlot(list)
  }

  #growList(header: number): void {
    const from = this.#headers[header + START]!
    const log2 = this.#headers[header + CAPACITY_LOG2]!
    const to = this.#allocate(log2 + 1)
    this.#arena.copyWithin(to, from, from + this.#headers[header + COUNT]!)
    this.#free[log2]!.push(from)
    this.#headers[header + START] = to
    this.#headers[header + CAPACITY_LOG2] = log2 + 1
  }

  #allocate(log2: number): number {
    const reused = this.#free[log2]!.pop()
    if (reused !== undefined) return reused
    const start = this.#arenaEnd
    this.#arenaEnd += 1 << log2
    if (this.#arenaEnd > this.#arena.length) this.#arena = grownU32(this.#arena, this.#arenaEnd)
    return start
  }

  #sortList(header: number): void {
    const start = this.#headers[header + START]!
    const count = this.#headers[header + COUNT]!
    const sorted = this.#headers[header + SORTED]!
    const tail = this.#arena.slice(start + sorted, start + count).sort(this.#order)
    // Merge from the end, so that the sorted part moves at most once and only as far as it must.
    let read = start + sorted - 1
    let write = start + count - 1
    for (let next = tail.length - 1; next >= 0; write--) {
      const entry = this.#arena[read]!
      if (read >= start && this.#order(entry, tail[next]!) > 0) {
        this.#arena[write] = entry
        read--
      } else this.#arena[write] = tail[next--]!
    }
    this.#headers[header + SORTED] = count
  }
}

/** What the header of a list holds: the key's hash and position, and where its entries are. */
const HI = 0
const LO = 1
const POSITION = 2
const START = 3
const COUNT = 4
/** How many of the entries are in order. */
const SORTED = 5
const CAPACITY_LOG2 = 6
const LIST_WORDS = 8
