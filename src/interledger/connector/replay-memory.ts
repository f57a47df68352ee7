import type { PacketId } from '../books.ts'

/** Ids that one generation holds at most: 10,000 packets a second for more than a minute and a half. */
const MAX_IDS = 1_000_000
/** 52 bits: so many digits of an id are exactly a number. By chance two ids agree in them once in 10^15 pairs. */
const KEY_DIGITS = 13
const HEX = 16

/**
 * Knows the ids of Prepares for as long as they may be unexpired: two generations, of which the older is forgotten when
 * the younger is as old as a packet may get. 16 to 32 bytes for each id, and nothing for the garbage collector to walk.
 */
export class ReplayMemory {
  readonly #keepMs: number
  #young = new IdTable()
  #old = new IdTable()
  #youngSinceMs: number

  /** @param keepMs how long a packet is unexpired at most. */
  constructor(keepMs: number, nowMs: number) {
    this.#keepMs = keepMs
    this.#youngSinceMs = nowMs
  }

  /** Ids that it holds. */
  get size(): number {
    return this.#young.size + this.#old.size
  }

  /** `known`: it was noted before. `full`: more came than it can hold, and it was not noted. */
  note(id: PacketId, nowMs: number): 'new' | 'known' | 'full' {
    this.#age(nowMs)
    const key = keyOf(id)
    if (this.#old.has(key)) return 'known'
    if (this.#young.has(key)) return 'known'
    if (this.#young.size >= MAX_IDS) return 'full'
    this.#young.add(key)
    return 'new'
  }

  #age(nowMs: number): void {
    const ageMs = nowMs - this.#youngSinceMs
    if (ageMs < this.#keepMs) return
    this.#old = ageMs < 2 * this.#keepMs ? this.#young : new IdTable()
    this.#young = new IdTable()
    this.#youngSinceMs = nowMs
  }
}

/** Never 0, which marks an empty place. */
function keyOf(id: PacketId): number {
  return Number.parseInt(id.slice(0, KEY_DIGITS), HEX) + 1
}

const FIRST_PLACES = 64
const TWO_TO_32 = 0x1_0000_0000

/** A set of positive numbers in one array, with open addressing; half of its places at most are taken. */
class IdTable {
  #places = new Float64Array(FIRST_PLACES)
  size = 0

  has(key: number): boolean {
    return this.#places[this.#find(key)] === key
  }

  add(key: number): void {
    if (this.size * 2 >= this.#places.length) this.#grow()
    this.#places[this.#find(key)] = key
    this.size++
  }

  /** Where it is, or the empty place where it would be. Keys come from a hash: their low bits are as good as random. */
  #find(key: number): number {
    const mask = this.#places.length - 1
    let place = (key % TWO_TO_32) & mask
    for (;;) {
      const there = this.#places[place]
      if (there === key || there === 0) return place
      place = (place + 1) & mask
    }
  }

  #grow(): void {
    const before = this.#places
    this.#places = new Float64Array(before.length * 2)
    for (const key of before) if (key !== 0) this.#places[this.#find(key)] = key
  }
}
