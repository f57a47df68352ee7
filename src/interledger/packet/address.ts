/** ILP addresses (RFC-0015). */

export const MAX_ADDRESS_LENGTH = 1023
const ADDRESS = /^(?:g|private|example|peer|self|local|test[1-3]?)(?:\.[A-Za-z0-9_~-]+)+$/
const SCHEMES = /^(?:g|private|example|peer|self|local|test[1-3]?)$/

/** Is this a complete address: a scheme and at least one segment? */
export function isIlpAddress(text: string): boolean {
  return text.length <= MAX_ADDRESS_LENGTH && ADDRESS.test(text)
}

/** May this be the prefix of a route: an address, a scheme alone, or empty for everything? */
export function isIlpAddressPrefix(text: string): boolean {
  return text === '' || SCHEMES.test(text) || isIlpAddress(text)
}

/** Does the address lie in the prefix: is it it, or does it begin with it and a dot? Everything lies in the empty one. */
export function isInPrefix(address: string, prefix: string): boolean {
  if (prefix === '') return true
  if (!address.startsWith(prefix)) return false
  return address.length === prefix.length || address.charCodeAt(prefix.length) === 0x2e
}
