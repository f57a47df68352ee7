/**
 * Counts events by author within a bound of memory. Authors are dealt with in shares: at first all at once, and when they
 * turn out to be too many, half of them, a quarter, and so on.
 */

/** The `index`-th of `of` equal parts of all keys. */
export interface KeyShare {
  readonly index: number
  readonly of: number
}

export const ALL_KEYS: KeyShare = { index: 0, of: 1 }

const PREFIX_HEX = 8
const PREFIXES = 2 ** 32

/** The share to look at after `share`: its first half when it was too large, else the next one; undefined after the last. */
export function nextShare({ index, of }: KeyShare, wasTooLarge: boolean): KeyShare | undefined {
  if (wasTooLarge) return { index: index * 2, of: of * 2 }
  return index + 1 < of ? { index: index + 1, of } : undefined
}

export class KeyCounts {
  readonly #share: KeyShare
  readonly #maxKeys: number
  readonly #counts = new Map<string, number>()
  /** There were more keys in the share than could be counted; those that came too late were passed over. */
  isTooLarge = false

  constructor(share: KeyShare, maxKeys: number) {
    this.#share = share
    this.#maxKeys = maxKeys
  }

  /** How many events of this author came before; undefined when the author is not counted here. */
  add(pubkey: string): number | undefined {
    if (!this.#isMine(pubkey)) return undefined
    const before = this.#counts.get(pubkey)
    if (before === undefined && this.#counts.size >= this.#maxKeys) {
      this.isTooLarge = true
      return undefined
    }
    this.#counts.set(pubkey, (before ?? 0) + 1)
    return before ?? 0
  }

  #isMine(pubkey: string): boolean {
    const { index, of } = this.#share
    return (
      of === 1 || Math.floor((Number.parseInt(pubkey.slice(0, PREFIX_HEX), 16) / PREFIXES) * of) === index
    )
  }
}
