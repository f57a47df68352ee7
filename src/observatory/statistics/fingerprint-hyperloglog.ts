/**
 * HyperLogLog of fingerprints. NIP-45 takes register and value from bytes of a whole public key; here only its first 64
 * bits are at hand, so these registers have the form of NIP-45 (256 bytes, same estimate, same merging) but other
 * contents: they merge with each other, on any machine and in any version, and not with those of a relay's COUNT.
 */
import { mix32 } from './fingerprint-hash.ts'

/** The standard error of 256 registers, 1.04 / √256. */
export const HYPERLOGLOG_ERROR = 0.065

/** The first eight bits choose the register, the zeros that the other 56 begin with are the value less one. */
export function addFingerprint(registers: Uint8Array, high: number, low: number): void {
  // Vanity keys share their first bits, so these are spread first.
  const mixedLow = mix32(low ^ Math.imul(high, 0x9e3779b1))
  const mixedHigh = mix32(high ^ mixedLow)
  const register = mixedHigh >>> 24
  const rest = (mixedHigh << 8) >>> 0
  const zeros = rest === 0 ? 24 + Math.clz32(mixedLow) : Math.clz32(rest)
  if (zeros + 1 > registers[register]!) registers[register] = zeros + 1
}
