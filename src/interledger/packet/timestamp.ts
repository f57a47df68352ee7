/** Interledger timestamps: `YYYYMMDDHHmmSSfff` in UTC, 17 digits (RFC-0027, "expiresAt"). */

export const TIMESTAMP_LENGTH = 17

/** `YYYYMMDDHHmmSS` */
const SECOND_LENGTH = 14
/**
 * Seconds that were written or read last, by their last bits: packets under way expire within the same minute, and each hop
 * takes a second off, so that several are in use at a time.
 */
const SECONDS_KEPT = 64
const keptSeconds = new Float64Array(SECONDS_KEPT).fill(Number.NaN)
const keptTexts: string[] = Array.from({ length: SECONDS_KEPT }, () => '')
/** Seconds that were read last, by their two last digits. */
const readSeconds = new Float64Array(100).fill(Number.NaN)
const readTexts: string[] = Array.from({ length: 100 }, () => '')

/** @param ms Unix time in milliseconds, of the years 0 to 9999. */
export function formatTimestamp(ms: number): string {
  const second = Math.floor(ms / 1000)
  return textOf(second) + String(ms - second * 1000).padStart(3, '0')
}

function textOf(second: number): string {
  const place = second & (SECONDS_KEPT - 1)
  const known = keptTexts[place]
  if (known !== undefined && keptSeconds[place] === second) return known
  const text = new Date(second * 1000).toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')
  keptSeconds[place] = second
  keptTexts[place] = text
  return text
}

/** Unix time in milliseconds; undefined when it is no time. */
export function parseTimestamp(text: string): number | undefined {
  const second = text.slice(0, SECOND_LENGTH)
  const millis = text.slice(SECOND_LENGTH)
  if (!/^\d{3}$/.test(millis)) return undefined
  const place = Number(text.slice(SECOND_LENGTH - 2, SECOND_LENGTH))
  if (readTexts[place] === second) return readSeconds[place]! * 1000 + Number(millis)
  const read = parseSecond(second)
  if (read === undefined) return undefined
  readTexts[place] = second
  readSeconds[place] = read
  return read * 1000 + Number(millis)
}

function parseSecond(text: string): number | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(text)
  if (parts === null) return undefined
  const [year, month, day, hours, minutes, seconds] = parts.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const second = Date.UTC(year, month - 1, day, hours, minutes, seconds) / 1000
  // A 31st of February is moved into March: then it reads differently.
  return Number.isFinite(second) && textOf(second) === text ? second : undefined
}
