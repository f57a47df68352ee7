/** A range at a moment, as the rings need it. */
import { RANGES, type Range, rangeStart, SECONDS_PER_DAY, SECONDS_PER_HOUR } from '../ranges.ts'

/**
 * What the rings hold: the 24 hours and 90 days of the ranges, the hour or day that events dated a little ahead may fall
 * into, and some room for collectors whose clocks are ahead of the one that asks.
 */
export const HOURS_HELD = 32
export const DAYS_HELD = 96

/** `from`: the first hour or day since 1970 that is in it. `place`: of its range, for what is kept by range. */
export interface RingWindow {
  readonly unit: 'hour' | 'day'
  readonly from: number
  readonly place: number
}
export type Window = RingWindow | { readonly unit: 'all' }

export function windowOf(range: Range, nowSeconds: number): Window {
  const start = rangeStart(range, nowSeconds)
  if (start === undefined) return { unit: 'all' }
  const place = RANGES.indexOf(range)
  return range === '24h'
    ? { unit: 'hour', from: start / SECONDS_PER_HOUR, place }
    : { unit: 'day', from: start / SECONDS_PER_DAY, place }
}

export function dayOfHour(hour: number): number {
  return Math.floor(hour / 24)
}

/** Weeks begin on Monday; 1970 began on a Thursday. */
export function weekOfHour(hour: number): number {
  return Math.floor((dayOfHour(hour) + 3) / 7)
}

export function weekStartSeconds(week: number): number {
  return (week * 7 - 3) * SECONDS_PER_DAY
}
