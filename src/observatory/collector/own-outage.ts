/**
 * Is it them, or is it us? When this machine loses its network every relay seems to be gone, and none of them has done
 * anything. An outage is our own when many relays are lost together and none at all answers meanwhile, though they are
 * asked to. One that answers is enough for the others to be gone by themselves, so that nobody can hide behind this.
 */

export interface OutageBounds {
  /** How often deadlines are looked at, in milliseconds. */
  readonly tickMs: number
  /** What came so shortly after a relay was lost may have been on its way before: it says nothing yet. */
  readonly outageGraceMs: number
  /** So long must everybody be silent while they are asked for a sign of life. */
  readonly outageQuietMs: number
  /** A relay that was lost longer ago, without an outage, was lost by itself. */
  readonly outageWindowMs: number
}

/** `unclear`: it will be one of the others within `outageWindowMs`. */
export type Fault = 'theirs' | 'ours' | 'unclear'

/** How it stands with relays that have proved themselves, our own left out. */
export interface OutageFacts {
  readonly nowMs: number
  readonly connected: number
  /** Those that are connected or being connected to. */
  readonly active: number
  /** When one of those that are connected gave its last sign of life; 0 without any. */
  readonly answeredMs: number
  /** Of some it is still to be seen whose fault it was that they were away. */
  readonly hasDoubts: boolean
}

/** Fewer relays than that say nothing about our network: they may well be gone together. */
export const MIN_LOST_RELAYS = 5
/** Relays that are asked for a sign of life at a time. */
export const PROBED_AT_ONCE = 8
/** Relays that are tried at a time while our network is away. */
export const SCOUTS = 5

interface Outage {
  readonly sinceMs: number
  /** The last sign of life before it. */
  readonly answeredMs: number
}

export class OutageJudge {
  readonly #bounds: OutageBounds
  /** By number, when it was lost; only those of whom it is not clear yet whose fault it was. */
  readonly #lost = new Map<number, number>()
  #outage: Outage | undefined
  /** The outage before, and when the first relay answered again. */
  #last: { readonly sinceMs: number; readonly untilMs: number } | undefined
  #outages = 0
  #active = 0
  #answeredMs = 0
  #lookedMs = 0
  #quietMs = 0
  #probedMs = 0
  #isSuspected = false
  #hasDoubts = false

  constructor(bounds: OutageBounds) {
    this.#bounds = bounds
  }

  /** Our network is away now. */
  get isOn(): boolean {
    return this.#outage !== undefined
  }

  /** Since when it is away, in milliseconds since 1970. */
  get sinceMs(): number | undefined {
    return this.#outage?.sinceMs
  }

  /** How often it was, since the collector was opened. */
  get outages(): number {
    return this.#outages
  }

  /** A relay gave a sign of life then. */
  answered(atMs: number): void {
    if (atMs <= this.#answeredMs) return
    this.#answeredMs = atMs
    this.#quietMs = 0
  }

  /** A proven relay that was good until then lost its connection, or could not be connected to. */
  lost(relay: number, atMs: number): void {
    if (!this.#lost.has(relay)) this.#lost.set(relay, atMs)
  }

  /** To be called with every tick, before relays are asked about their faults. @returns what has changed. */
  look({ nowMs, connected, active, answeredMs, hasDoubts }: OutageFacts): 'begun' | 'ended' | undefined {
    // What this thread was late by was nobody's silence.
    this.#quietMs += Math.min(Math.max(0, nowMs - this.#lookedMs), 2 * this.#bounds.tickMs)
    this.#lookedMs = nowMs
    this.#active = active
    this.#hasDoubts = hasDoubts
    this.answered(answeredMs)
    if (this.#outage !== undefined) return this.#lookForEnd(this.#outage)
    for (const [relay, atMs] of this.#lost) if (this.#isClear(atMs, nowMs)) this.#lost.delete(relay)
    const wasSuspected = this.#isSuspected
    this.#isSuspected = this.#lost.size >= MIN_LOST_RELAYS && this.#lost.size > connected
    if (!this.#isSuspected) return undefined
    if (!wasSuspected) this.#quietMs = 0
    return this.#quietMs >= this.#bounds.outageQuietMs ? this.#begin() : undefined
  }

  /** Whether relays that are connected should be asked for a sign of life now; asked again, not for a while. */
  wantsProbe(nowMs: number): boolean {
    const { outageGraceMs, outageQuietMs } = this.#bounds
    // Where little is sent it would stay unclear for long; where much is, nobody need be asked.
    const isUnclear = this.#hasDoubts && nowMs - this.#answeredMs >= outageQuietMs
    if (this.#lost.size === 0 && !this.isOn && !isUnclear) return false
    if (nowMs - this.#probedMs < outageGraceMs) return false
    this.#probedMs = nowMs
    return true
  }

  /**
   * Whose fault was it that a relay was lost at that time?
   *
   * @param fromMs when it was tried, where it could not be connected to: a network comes back bit by bit.
   */
  faultAt(atMs: number, nowMs: number, fromMs = atMs): Fault {
    if (this.#outage !== undefined) return atMs >= this.#outage.sinceMs ? 'ours' : 'theirs'
    if (this.#last !== undefined && atMs >= this.#last.sinceMs && fromMs <= this.#last.untilMs) return 'ours'
    return atMs <= this.clearUntilMs(nowMs) ? 'theirs' : 'unclear'
  }

  /** Until then our network was there, or nobody will ever say that it was not. */
  clearUntilMs(nowMs: number): number {
    if (this.#outage !== undefined) return this.#outage.sinceMs
    if (this.#active + this.#lost.size < MIN_LOST_RELAYS) return nowMs
    const { outageGraceMs, outageWindowMs } = this.#bounds
    return Math.max(this.#answeredMs - outageGraceMs, nowMs - outageWindowMs)
  }

  #isClear(atMs: number, nowMs: number): boolean {
    return atMs <= this.clearUntilMs(nowMs)
  }

  #begin(): 'begun' {
    const firstLostMs = Math.min(...this.#lost.values())
    // It began after the last sign of life, which is known better than when relays were found to be lost.
    const sinceMs = this.#answeredMs === 0 ? firstLostMs : Math.min(this.#answeredMs, firstLostMs)
    this.#outage = { sinceMs, answeredMs: this.#answeredMs }
    this.#outages += 1
    return 'begun'
  }

  #lookForEnd({ sinceMs, answeredMs }: Outage): 'ended' | undefined {
    if (this.#answeredMs <= answeredMs) return undefined
    this.#last = { sinceMs, untilMs: this.#answeredMs + this.#bounds.outageGraceMs }
    this.#outage = undefined
    this.#isSuspected = false
    this.#lost.clear()
    return 'ended'
  }
}
