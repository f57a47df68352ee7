/** A month of UTC as a text, `2026-11`; texts are in the order of the months. */
export type Month = string

const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/

export function isMonth(text: string): boolean {
  return MONTH.test(text)
}

export function monthOf(seconds: number): Month {
  return new Date(seconds * 1_000).toISOString().slice(0, 7)
}

/** So many months later, or earlier. */
export function monthAfter(month: Month, months: number): Month {
  const [year = 0, number = 1] = month.split('-').map(Number)
  return new Date(Date.UTC(year, number - 1 + months)).toISOString().slice(0, 7)
}
