/**
 * A number that a tag holds as text: ASCII digits only, at most 2^53-1; undefined otherwise. `Number` alone
 * would also read the empty string, signs, spaces, hex and exponents.
 */
export function parseDecimal(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]+$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}
