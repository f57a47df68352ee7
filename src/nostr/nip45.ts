/**
 * HyperLogLog counts (NIP-45): 256 registers of one byte, into which each counted event's author goes. Registers of
 * several relays, merged, are those of all their events together, so a client can add up relays without counting an
 * author twice.
 */
import { hash } from 'node:crypto'
import type { Filter } from './filter.ts'
import { isHex64 } from './hex.ts'

/** How many registers there are. */
export const HYPERLOGLOG_REGISTERS = 256

const PUBKEY_BYTES = 32
/** The bias of the raw estimate with 256 registers, from the paper that HyperLogLog comes from. */
const ALPHA = 0.7213 / (1 + 1.079 / HYPERLOGLOG_REGISTERS)

/**
 * Which byte of a public key chooses the register, 8 … 23; undefined for a filter that has no registers, since it
 * has no tag condition with a value. It comes from the first value of the first tag condition as they were sent.
 */
export function hyperLogLogOffset(filter: Pick<Filter, 'tags'>): number | undefined {
  const value = filter.tags?.[0]?.values[0]
  return value === undefined ? undefined : Number.parseInt(hex64Of(value).charAt(32), 16) + 8
}

/**
 * Counts an author in.
 *
 * @param registers 256 bytes; one of them may rise.
 * @param pubkey 32 bytes, or their hex.
 * @param offset as `hyperLogLogOffset` gave it.
 */
export function addToHyperLogLog(registers: Uint8Array, pubkey: Uint8Array | string, offset: number): void {
  const bytes = typeof pubkey === 'string' ? Buffer.from(pubkey, 'hex') : pubkey
  const register = bytes[offset]!
  const value = leadingZeroBits(bytes, offset + 1) + 1
  if (value > registers[register]!) registers[register] = value
}

/** The registers as COUNT carries them: 512 characters of lowercase hex. */
export function hyperLogLogHex(registers: Uint8Array): string {
  return Buffer.from(registers.buffer, registers.byteOffset, registers.byteLength).toString('hex')
}

/** Reads what `hyperLogLogHex` wrote; undefined for anything else. */
export function parseHyperLogLog(hex: unknown): Uint8Array | undefined {
  if (typeof hex !== 'string' || !/^[0-9a-f]{512}$/.test(hex)) return undefined
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** Adds what the registers `from` have seen to `into`. Both must have been made with the same offset. */
export function mergeHyperLogLog(into: Uint8Array, from: Uint8Array): void {
  for (let register = 0; register < HYPERLOGLOG_REGISTERS; register += 1) {
    if (from[register]! > into[register]!) into[register] = from[register]!
  }
}

/** About how many different authors were counted in; off by 6.5 % in the usual case. */
export function estimateHyperLogLog(registers: Uint8Array): number {
  let empty = 0
  let harmonic = 0
  for (const value of registers) {
    if (value === 0) empty += 1
    harmonic += 2 ** -value
  }
  const estimate = (ALPHA * HYPERLOGLOG_REGISTERS ** 2) / harmonic
  // With few authors the registers that nobody reached tell more.
  const isSmall = estimate <= 2.5 * HYPERLOGLOG_REGISTERS && empty > 0
  return Math.round(isSmall ? HYPERLOGLOG_REGISTERS * Math.log(HYPERLOGLOG_REGISTERS / empty) : estimate)
}

/** An id or key is taken as it is, an address stands for its author, and other text for its SHA-256. */
function hex64Of(value: string): string {
  const candidate = authorOfAddress(value) ?? value
  return isHex64(candidate) ? candidate : hash('sha256', value)
}

/** The middle of `kind:pubkey:d`. Laxer than `parseAddress`, since other relays must come to the same offset. */
function authorOfAddress(value: string): string | undefined {
  const [kind = '', pubkey, identifier] = value.split(':', 3)
  return /^[0-9]+$/.test(kind) && isHex64(pubkey) && identifier !== undefined ? pubkey : undefined
}

function leadingZeroBits(bytes: Uint8Array, start: number): number {
  let place = start
  while (place < PUBKEY_BYTES && bytes[place] === 0) place += 1
  const zeroBytes = place - start
  if (place === PUBKEY_BYTES) return zeroBytes * 8
  // clz32 counts in 32 bits, of which a byte has the lowest eight.
  return zeroBytes * 8 + Math.clz32(bytes[place]!) - 24
}
