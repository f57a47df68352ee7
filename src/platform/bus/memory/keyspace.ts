import type { Clock } from '../../../kernel/index.ts'
import type { BusField } from '../bus.ts'

type Value = string | Set<string> | Map<string, string>

interface Entry {
  readonly value: Value
  /** Infinite for what stays. */
  expiresAtMs: number
}

/** Entries beyond this many are swept of what has expired. */
const SWEEP_ABOVE = 10_000

/**
 * Texts, sets and hashes by key, each with a time to live, as Redis has them: what is expired is not there, and an
 * empty set or hash is no key at all.
 */
export class Keyspace {
  readonly #clock: Clock
  readonly #entries = new Map<string, Entry>()
  #sweepAbove = SWEEP_ABOVE

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(key: string): boolean {
    return this.#entry(key) !== undefined
  }

  text(key: string): string | undefined {
    const value = this.#entry(key)?.value
    if (value === undefined || typeof value === 'string') return value
    throw wrongType(key)
  }

  set(key: string): Set<string> | undefined {
    const value = this.#entry(key)?.value
    if (value === undefined || value instanceof Set) return value
    throw wrongType(key)
  }

  hash(key: string): Map<string, string> | undefined {
    const value = this.#entry(key)?.value
    if (value === undefined || value instanceof Map) return value
    throw wrongType(key)
  }

  put(key: string, value: Value, ttlMs?: number): void {
    this.#sweep()
    const expiresAtMs = ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#clock.nowMs() + ttlMs
    this.#entries.set(key, { value, expiresAtMs })
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }

  renew(key: string, ttlMs: number): boolean {
    const entry = this.#entry(key)
    if (entry !== undefined) entry.expiresAtMs = this.#clock.nowMs() + ttlMs
    return entry !== undefined
  }

  increment(key: string, by: number): number {
    const sum = Number(this.text(key) ?? 0) + by
    if (!Number.isSafeInteger(sum)) throw new TypeError('value is not an integer')
    const entry = this.#entry(key)
    this.#entries.set(key, {
      value: String(sum),
      expiresAtMs: entry?.expiresAtMs ?? Number.POSITIVE_INFINITY,
    })
    return sum
  }

  addMembers(key: string, members: readonly string[]): void {
    const known = this.set(key)
    if (members.length === 0) return
    const set = known ?? new Set()
    for (const member of members) set.add(member)
    if (known === undefined) this.put(key, set)
  }

  removeMembers(key: string, members: readonly string[]): void {
    const set = this.set(key)
    for (const member of members) set?.delete(member)
    if (set?.size === 0) this.delete(key)
  }

  setFields(key: string, fields: readonly BusField[]): void {
    const known = this.hash(key)
    if (fields.length === 0) return
    const hash = known ?? new Map()
    for (const [field, value] of fields) hash.set(field, value)
    if (known === undefined) this.put(key, hash)
  }

  removeFields(key: string, fields: readonly string[]): void {
    const hash = this.hash(key)
    for (const field of fields) hash?.delete(field)
    if (hash?.size === 0) this.delete(key)
  }

  #entry(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined || entry.expiresAtMs > this.#clock.nowMs()) return entry
    this.#entries.delete(key)
    return undefined
  }

  #sweep(): void {
    if (this.#entries.size < this.#sweepAbove) return
    const nowMs = this.#clock.nowMs()
    for (const [key, { expiresAtMs }] of this.#entries) if (expiresAtMs <= nowMs) this.#entries.delete(key)
    this.#sweepAbove = Math.max(SWEEP_ABOVE, this.#entries.size * 2)
  }
}

function wrongType(key: string): TypeError {
  return new TypeError(`the key ${key} holds another type of value`)
}
