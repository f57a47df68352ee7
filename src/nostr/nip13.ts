import { parseDecimal } from './decimal.ts'
import type { NostrEvent } from './event.ts'

/** The leading zero bits of an id, 0 … 256 (NIP-13). */
export function difficulty(id: string): number {
  let bits = 0
  for (const digit of id) {
    const value = Number.parseInt(digit, 16)
    // clz32 counts in 32 bits, of which a hex digit has the lowest four.
    if (value !== 0) return bits + Math.clz32(value) - 28
    bits += 4
  }
  return bits
}

/** The difficulty that the author set out to reach: the third element of the first `nonce` tag, if a number. */
export function committedTarget(event: Pick<NostrEvent, 'tags'>): number | undefined {
  const nonceTag = event.tags.find(([name]) => name === 'nonce')
  return parseDecimal(nonceTag?.[2])
}

/**
 * Is there enough work in the event? With `requireCommitment` also its committed target must reach the
 * minimum, so that no spammer who aims low gets in by luck.
 */
export function meetsDifficulty(
  event: Pick<NostrEvent, 'id' | 'tags'>,
  minBits: number,
  { requireCommitment }: { readonly requireCommitment: boolean },
): boolean {
  if (minBits <= 0) return true
  if (difficulty(event.id) < minBits) return false
  return !requireCommitment || (committedTarget(event) ?? 0) >= minBits
}
