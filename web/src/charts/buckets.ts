/** A timeline as columns for a chart: one number for each step of time. */

export interface Buckets {
  /** Starts of the steps, in seconds since 1970, rising. */
  readonly startSeconds: readonly number[]
  readonly stepSeconds: number
}

export const HOUR_SECONDS = 3600
export const DAY_SECONDS = 86_400

/** The step is that of the range, and not read from the data: one point alone has none. */
export function bucketsOf(points: readonly { readonly timestamp: number }[], isHourly: boolean): Buckets {
  return {
    startSeconds: points.map(({ timestamp }) => timestamp),
    stepSeconds: isHourly ? HOUR_SECONDS : DAY_SECONDS,
  }
}

/** The step that a moment lies in; the nearest one when it lies in none; undefined when there is none. */
export function bucketAt({ startSeconds }: Buckets, atSeconds: number): number | undefined {
  if (startSeconds.length === 0) return undefined
  const after = startSeconds.findIndex((start) => start > atSeconds)
  return after === -1 ? startSeconds.length - 1 : Math.max(0, after - 1)
}

const FACTORS = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]

/** The end of a scale from 0: a round number that everything fits under, and whose half is a whole one. */
export function roundMaximum(values: readonly (number | null)[]): number {
  const largest = values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0)
  if (largest <= 2) return 2
  const power = 10 ** Math.floor(Math.log10(largest))
  const factor = FACTORS.find((step) => step * power >= largest && (step * power) % 2 === 0) ?? 10
  return factor * power
}

const hourOf = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })
const dayOf = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })
const monthOf = new Intl.DateTimeFormat('en-GB', { month: 'short', year: '2-digit', timeZone: 'UTC' })

/** What an axis says at a moment, in UTC, when its labels are so far apart. */
export function timeLabel(atSeconds: number, incrementSeconds: number): string {
  const format =
    incrementSeconds < DAY_SECONDS ? hourOf : incrementSeconds < 28 * DAY_SECONDS ? dayOf : monthOf
  return format.format(atSeconds * 1000)
}
