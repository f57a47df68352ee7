/** Invoices (BOLT-11) with what a test is about: nobody signs them, which no reader of receipts looks at. */
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const SIGNATURE_WORDS = 104
const TIMESTAMP_WORDS = 7
const DESCRIPTION_HASH_TAG = 23

export interface TestInvoice {
  /** As BOLT-11 writes amounts: `10u`, `2500n`; empty: none. */
  readonly amount: string
  /** `bc` when absent. */
  readonly network?: string
  readonly descriptionHash?: string
}

export function testInvoice({ amount, network = 'bc', descriptionHash }: TestInvoice): string {
  const words = [
    ...Array.from({ length: TIMESTAMP_WORDS }, () => 1),
    ...(descriptionHash === undefined ? [] : tag(DESCRIPTION_HASH_TAG, Buffer.from(descriptionHash, 'hex'))),
    ...Array.from({ length: SIGNATURE_WORDS }, () => 0),
  ]
  return bech32(`ln${network}${amount}`, words)
}

/** A LNURL (LUD-01). */
export function testLnurl(url: string): string {
  return bech32('lnurl', wordsOf(Buffer.from(url)))
}

function tag(type: number, bytes: Buffer): readonly number[] {
  const words = wordsOf(bytes)
  return [type, words.length >> 5, words.length & 31, ...words]
}

function wordsOf(bytes: Buffer): readonly number[] {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? []).map((word) => Number.parseInt(word.padEnd(5, '0'), 2))
}

function bech32(prefix: string, words: readonly number[]): string {
  const codes = Array.from(prefix, (character) => character.charCodeAt(0))
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
  const sum = checksum([...expanded, ...words, 0, 0, 0, 0, 0, 0]) ^ 1
  const check = Array.from({ length: 6 }, (_, n) => (sum >> (5 * (5 - n))) & 31)
  return `${prefix}1${[...words, ...check].map((word) => ALPHABET[word]).join('')}`
}

function checksum(values: readonly number[]): number {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
  return values.reduce((sum, value) => {
    const shifted = ((sum & 0x1ffffff) << 5) ^ value
    return generator.reduce((left, term, bit) => ((sum >>> (25 + bit)) & 1 ? left ^ term : left), shifted)
  }, 1)
}
