import { randomBytes } from 'node:crypto'

/** A word of twelve letters that nobody has written before, so that a search finds a row's own events alone. */
export function randomWord(): string {
  return Array.from(randomBytes(12), (byte) => String.fromCharCode(97 + (byte % 26))).join('')
}
