/** What PostgreSQL takes: no NUL and no half of a surrogate pair in a text, whole numbers that fit their column. */

const NUL = '\0'
const MAX_INT4 = 0x7fff_ffff
/** Behind every time that a `u32` can say, and before the end of `timestamptz`. */
const MAX_SECONDS = 0xffff_ffff

export function storableText(text: string, maxLength = Number.POSITIVE_INFINITY): string {
  return text.slice(0, maxLength).replaceAll(NUL, '').toWellFormed()
}

/** JSON that `jsonb` takes, whatever texts are in it. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'string' ? storableText(part) : part,
  )
}

export function storableCount(value: number): number {
  return Number.isFinite(value) ? Math.min(MAX_INT4, Math.max(0, Math.floor(value))) : 0
}

export function storableSeconds(value: number): number {
  return Number.isFinite(value) ? Math.min(MAX_SECONDS, Math.max(0, Math.floor(value))) : 0
}

/** An array as PostgreSQL writes it, for numbers. */
export function listOf(values: readonly (bigint | number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`
}
