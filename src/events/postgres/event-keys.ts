import { hash } from 'node:crypto'

/** A `uuid` column takes 16 bytes; that many of a SHA-256 nobody makes two values meet in. */
const KEY_HEX_LENGTH = 32

/** What a tag is filed under, as 32 hex characters: values may be longer than an index of PostgreSQL takes. */
export function tagKey(name: string, value: string): string {
  return keyOf(`tag ${name}:${value}`)
}

/** What the versions of an address are filed under. @param address what `addressOf` returns. */
export function addressKey(address: string): string {
  return keyOf(`address ${address}`)
}

function keyOf(text: string): string {
  return hash('sha256', text).slice(0, KEY_HEX_LENGTH)
}
