import type { StoreStats } from '../events/index.ts'

const HALF_LIFE_MS = 24 * 60 * 60 * 1_000

/**
 * A store gives space back later, when it writes its files anew. What was removed and is still there must not be taken for
 * a reason to remove more: that would end with an empty store. What has come back is told by how much less the files have
 * grown than the events that came in would explain. Garbage that is spread too thinly may never be written anew by itself,
 * so after a day half of what is still pending counts no longer.
 */
export class PendingBytes {
  #pendingBytes = 0
  #seen: (StoreStats & { readonly atMs: number }) | undefined

  get bytes(): number {
    return Math.round(this.#pendingBytes)
  }

  /** Events that take so much were removed. */
  removed(bytes: number): void {
    this.#pendingBytes += bytes
  }

  observe(stats: StoreStats, nowMs: number): void {
    const before = this.#seen
    this.#seen = { ...stats, atMs: nowMs }
    if (before === undefined) return
    const bytesPerEvent = before.diskBytes / Math.max(1, before.events)
    const cameIn = (stats.lastSeq - before.lastSeq) * bytesPerEvent
    const freed = Math.max(0, before.diskBytes + cameIn - stats.diskBytes)
    const left = Math.max(0, this.#pendingBytes - freed)
    this.#pendingBytes = left * 0.5 ** (Math.max(0, nowMs - before.atMs) / HALF_LIFE_MS)
  }
}
