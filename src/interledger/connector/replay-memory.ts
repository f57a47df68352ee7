import type { PacketId } from '../books.ts'
import { MAX_EXPIRY_AHEAD_MS } from '../packet-times.ts'

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

  has(id: PacketId, nowMs: number): boolean {
    this.#age(nowMs)
    return this.#knows(keyOf(id))
  }

  /** `known`: it was noted before. `full`: more came than it can hold, and it was not noted. */
  note(id: PacketId, nowMs: number): 'new' | 'known' | 'full' {
    this.#age(nowMs)
    const key = keyOf(id)
    if (this.#knows(key)) return 'known'
    if (this.#young.size >= MAX_IDS) return 'full'
    this.#young.add(key)
    return 'new'
  }

  #knows(key: number): boolean {
    return this.#old.has(key) || this.#young.has(key)
  }

  #age(nowMs: number): void {
    const ageMs = nowMs - this.#youngSinceMs
    if (ageMs < this.#keepMs) return
    this.#old = ageMs < 2 * this.#keepMs ? this.#young : new IdTable()
    this.#young = new IdTable()
    this.#youngSinceMs = nowMs
  }
}

/**
 * Knows the Prepares of a peer until they expire, however late. Nearly all expire within the time that we wait for anybody;
 * the others are kept apart, so that a memory of minutes need not have room for all.
 */
export class ArrivalMemory {
  readonly #soonMs: number
  readonly #soon: ReplayMemory
  readonly #late: ReplayMemory

  /** @param soonMs a packet that expires later than this is one of the few. */
  constructor(soonMs: number, nowMs: number) {
    this.#soonMs = soonMs
    this.#soon = new ReplayMemory(soonMs, nowMs)
    this.#late = new ReplayMemory(MAX_EXPIRY_AHEAD_MS, nowMs)
  }

  /** As `ReplayMemory.note`. @param expiresAtMs not more than `MAX_EXPIRY_AHEAD_MS` from now. */
  note(id: PacketId, expiresAtMs: number, nowMs: number): 'new' | 'known' | 'full' {
    if (expiresAtMs - nowMs > this.#soonMs) return this.#late.note(id, nowMs)
    // It may have come when its expiry was still far away.
    if (this.#late.size > 0 && this.#late.has(id, nowMs)) return 'known'
    return this.#soon.note(id, nowMs)
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
