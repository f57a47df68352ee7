/** Times and numbers as the API writes them. */

const LAST_SECOND = 253_402_300_799

/** ISO 8601. Relays and events say what they like: what no date can hold is shown as the last that can. */
export function isoTime(seconds: number): string {
  return new Date(Math.min(Math.max(0, seconds), LAST_SECOND) * 1_000).toISOString()
}

export function isoTimeOrNull(seconds: number | undefined): string | null {
  return seconds === undefined ? null : isoTime(seconds)
}

/** `2026-11-21`, or `2026-11-21T14` for a step of an hour. */
export function stepLabel(startSeconds: number, isHour: boolean): string {
  return isoTime(startSeconds).slice(0, isHour ? 13 : 10)
}

/** Milliseconds with one decimal. */
export function shownMs(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 10) / 10
}

/** A share as per cent with two decimals. */
export function percentOf(share: number): number {
  return Math.round(share * 10_000) / 100
}

export function percentOrNull(share: number | undefined): number | null {
  return share === undefined ? null : percentOf(share)
}

/** `part / whole` as per cent; 0 of nothing. */
export function percentage(part: number, whole: number): number {
  return whole === 0 ? 0 : percentOf(part / whole)
}

/** Whole satoshi, rounded down; exact up to 2⁵³. */
export function satsOf(msat: bigint): number {
  return Number(msat / 1_000n)
}
