import { MAX_CLIENT_NAME_BYTES } from '../observation-batch.ts'

/** Control characters, line ends and the marks that turn the direction of a text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/g
/** No UTF-16 code unit makes more bytes of UTF-8 than three, so this many are more than enough to cut from. */
const MAX_LOOKED_AT = 4 * MAX_CLIENT_NAME_BYTES

/**
 * The name in the `client` tag (NIP-89), fit to be counted and shown: no control characters, no space around it, at
 * most `MAX_CLIENT_NAME_BYTES` of UTF-8, cut between characters. Undefined when there is none.
 */
export function clientOf(tags: readonly (readonly string[])[]): string | undefined {
  for (const tag of tags) {
    if (tag[0] === 'client') return cleanName(tag[1] ?? '')
  }
  return undefined
}

function cleanName(said: string): string | undefined {
  // Cutting may halve a surrogate pair, which is then a character that has no bytes of its own.
  const cut = said.length > MAX_LOOKED_AT ? said.slice(0, MAX_LOOKED_AT).toWellFormed() : said
  const printable = cut.replace(UNPRINTABLE, '').trim()
  const name = Buffer.byteLength(printable) <= MAX_CLIENT_NAME_BYTES ? printable : cutToBytes(printable)
  return name === '' ? undefined : name
}

function cutToBytes(text: string): string {
  let bytes = 0
  let end = 0
  for (const character of text) {
    bytes += Buffer.byteLength(character)
    if (bytes > MAX_CLIENT_NAME_BYTES) break
    end += character.length
  }
  return text.slice(0, end).trim()
}
