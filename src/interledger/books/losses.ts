/** What was written off for each peer of late, in hours, so that a peer that refuses everything is noticed. */
const HOUR_MS = 3_600_000
const HOURS = 24
export const LOSS_WINDOW_MS = HOURS * HOUR_MS

export class Losses {
  /** By peer: the hour since 1970, and how much; a day of them at most. */
  readonly #byPeer = new Map<string, Map<number, bigint>>()

  add(peerId: string, amount: bigint, atMs: number): void {
    const hours = this.#byPeer.get(peerId) ?? new Map<number, bigint>()
    this.#byPeer.set(peerId, hours)
    const hour = Math.floor(atMs / HOUR_MS)
    hours.set(hour, (hours.get(hour) ?? 0n) + amount)
    for (const old of hours.keys()) if (old <= hour - HOURS) hours.delete(old)
  }

  /** Of the last day, the hour that has begun included. */
  ofDay(peerId: string, nowMs: number): bigint {
    const since = Math.floor(nowMs / HOUR_MS) - HOURS
    let sum = 0n
    for (const [hour, amount] of this.#byPeer.get(peerId) ?? []) if (hour > since) sum += amount
    return sum
  }
}
