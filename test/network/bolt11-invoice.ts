/** Invoices (BOLT-11) that hold in every part, by a node that there is not: for tests and demonstrations. */
import { hash } from 'node:crypto'
import { signRecoverable } from 'tiny-secp256k1'

export interface InvoiceTerms {
  /** A whole number, at least 1. */
  readonly amountSats: number
  readonly createdAtSeconds: number
  /** SHA-256 of the preimage, of what it is for, and a secret of the payee: 32 bytes each, as hexadecimal. */
  readonly paymentHash: string
  readonly descriptionHash: string
  readonly paymentSecret: string
}

const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const TIMESTAMP_WORDS = 7
const FIELDS = { paymentHash: 1, paymentSecret: 16, descriptionHash: 23 } as const
/** The field of features: 8 (onions of variable length) and 14 (a payment secret), both to be understood. */
const FEATURES = [5, 0, 3, 16, 8, 0]
/** BOLT-11 wants the shortest amount: thousandths, millionths or billionths of a bitcoin. */
const SATS_PER_MILLI = 100_000
const SATS_PER_MICRO = 100
const NANOS_PER_SAT = 10

/** @param nodeKey secret key of the node that would be paid, 32 bytes. */
export function signInvoice(terms: InvoiceTerms, nodeKey: Uint8Array): string {
  const prefix = `lnbc${amountText(terms.amountSats)}`
  const words = [
    ...timestampWords(terms.createdAtSeconds),
    ...field(FIELDS.paymentSecret, terms.paymentSecret),
    ...field(FIELDS.paymentHash, terms.paymentHash),
    ...field(FIELDS.descriptionHash, terms.descriptionHash),
    ...FEATURES,
  ]
  const signed = hash('sha256', Buffer.concat([Buffer.from(prefix), bytesOf(words)]), 'buffer')
  const { signature, recoveryId } = signRecoverable(signed, nodeKey)
  return bech32(prefix, [...words, ...wordsOf(Buffer.from([...signature, recoveryId]))])
}

function amountText(sats: number): string {
  if (!Number.isSafeInteger(sats) || sats < 1) throw new RangeError(`An invoice of ${sats} sats is none.`)
  if (sats % SATS_PER_MILLI === 0) return `${sats / SATS_PER_MILLI}m`
  if (sats % SATS_PER_MICRO === 0) return `${sats / SATS_PER_MICRO}u`
  return `${sats * NANOS_PER_SAT}n`
}

function timestampWords(seconds: number): readonly number[] {
  return Array.from(
    { length: TIMESTAMP_WORDS },
    (_, n) => Math.floor(seconds / 32 ** (TIMESTAMP_WORDS - 1 - n)) % 32,
  )
}

function field(type: number, hex: string): readonly number[] {
  const words = wordsOf(Buffer.from(hex, 'hex'))
  return [type, words.length >> 5, words.length & 31, ...words]
}

/** Five bits each, filled up with zeros. */
function wordsOf(bytes: Uint8Array): readonly number[] {
  return regrouped(bytes, 8, 5)
}

function bytesOf(words: readonly number[]): Buffer {
  return Buffer.from(regrouped(words, 5, 8))
}

function regrouped(numbers: Iterable<number>, from: number, to: number): readonly number[] {
  const bits = Array.from(numbers, (number) => number.toString(2).padStart(from, '0')).join('')
  const groups = bits.match(new RegExp(`.{1,${to}}`, 'g')) ?? []
  return groups.map((group) => Number.parseInt(group.padEnd(to, '0'), 2))
}

/** BIP-173, without its limit of 90 characters. */
function bech32(prefix: string, words: readonly number[]): string {
  const codes = Array.from(prefix, (character) => character.charCodeAt(0))
  const expanded = [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
  const sum = polymod([...expanded, ...words, 0, 0, 0, 0, 0, 0]) ^ 1
  const check = Array.from({ length: 6 }, (_, n) => (sum >> (5 * (5 - n))) & 31)
  return `${prefix}1${[...words, ...check].map((word) => ALPHABET[word]).join('')}`
}

function polymod(values: readonly number[]): number {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
  return values.reduce((sum, value) => {
    const shifted = ((sum & 0x1ffffff) << 5) ^ value
    return generator.reduce((left, term, bit) => ((sum >>> (25 + bit)) & 1 ? left ^ term : left), shifted)
  }, 1)
}
