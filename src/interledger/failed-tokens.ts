/** Holds back addresses that show wrong tokens, so that nobody can try one token after another. */
import type { Clock } from '../kernel/index.ts'

export interface FailedTokens {
  /** False: so many wrong ones came from there that the next is not looked at. */
  mayTry(address: string | undefined): boolean
  /** A wrong one came from there. */
  note(address: string | undefined): void
  /** Addresses that are remembered. */
  readonly size: number
}

export interface FailedTokensOptions {
  readonly clock: Clock
  /** The address that was silent for longest is forgotten for one more. */
  readonly maxAddresses?: number
}

/** So many at once, for a peer whose token was changed and who does not know it yet … */
const BURST = 20
/** … and one more after each such time. Right ones cost nothing. */
const REFILL_MS = 10_000
const MAX_ADDRESSES = 10_000

interface Guesses {
  /** As many as are not forgiven yet. */
  readonly failed: number
  readonly atMs: number
}

/** An address that is not known (undefined) stands for many, and is never held back. */
export function createFailedTokens({
  clock,
  maxAddresses = MAX_ADDRESSES,
}: FailedTokensOptions): FailedTokens {
  /** The one that failed last at the end. */
  const guesses = new Map<string, Guesses>()

  const failedOf = (address: string): number => {
    const known = guesses.get(address)
    if (known === undefined) return 0
    // A clock that was set back forgives nothing.
    return Math.max(0, known.failed - Math.max(0, clock.nowMs() - known.atMs) / REFILL_MS)
  }

  return {
    get size() {
      return guesses.size
    },
    mayTry: (address) => address === undefined || failedOf(address) <= BURST - 1,
    note: (address) => {
      if (address === undefined) return
      const failed = Math.min(BURST, failedOf(address) + 1)
      guesses.delete(address)
      guesses.set(address, { failed, atMs: clock.nowMs() })
      if (guesses.size > maxAddresses) guesses.delete(guesses.keys().next().value!)
    },
  }
}
