/** Numbers as people read them. Units stand beside numbers, with a space; times are UTC, since the days of all figures are. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 2 })
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

/** From here on a number is longer than a tile on a phone is wide. */
const LONGEST_WHOLE = 100_000_000

/** `1,234,567`, and `123.46M` where that would be too long. */
export function count(number: number): string {
  return number < LONGEST_WHOLE ? whole.format(number) : compact.format(number)
}

/** `1.2M`: for axes and narrow columns. */
export function brief(number: number): string {
  return short.format(number)
}

/** Of 0 … 100. */
export function percent(number: number): string {
  if (number > 0 && number < 0.1) return '< 0.1 %'
  // 99.96 must not look like all of it.
  if (number > 99.9 && number < 100) return '> 99.9 %'
  return `${number.toFixed(number === 0 || number === 100 ? 0 : 1)} %`
}

/** A part of a whole in per cent; nothing of nothing is 0. */
export function shareOf(part: number, all: number): number {
  return all === 0 ? 0 : (part / all) * 100
}

export function milliseconds(ms: number): string {
  return ms < 10_000 ? `${whole.format(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

/** Whole satoshi of an amount in millisatoshi, rounded down; 0 for what is not a number. */
export function satsOf(msat: string): number {
  return /^\d{1,30}$/.test(msat) ? Number(BigInt(msat) / 1000n) : 0
}

/** `2 s ago`. */
export function ago(ageMs: number): string {
  return `${duration(ageMs)} ago`
}

/** `48 s`, `3 min`, `5 h`, `12 days`: the largest unit alone. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 2 * 86_400) return `${Math.floor(seconds / 3600)} h`
  return `${whole.format(Math.floor(seconds / 86_400))} days`
}

/** `14:05` left of a wait, as a clock shows it. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

const day = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
})
const hour = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', timeZone: 'UTC' })

/** `21 Nov 2026`. */
export function dayOf(ms: number): string {
  return day.format(ms)
}

/** `21 Nov 2026, 14:05 UTC`. */
export function moment(ms: number): string {
  return `${day.format(ms)}, ${hour.format(ms)} UTC`
}

/** The hour or the day that starts then. */
export function stepName(startSeconds: number, isHourly: boolean): string {
  const startMs = startSeconds * 1000
  if (!isHourly) return day.format(startMs)
  return `${day.format(startMs)}, ${hour.format(startMs)}–${hour.format(startMs + 3_600_000)} UTC`
}
