const MIN_SLOTS = 16
/** Words of 32 bits that a key is told apart by: 128 bits, which nobody can hit on purpose. */
const WORDS = 4

/**
 * A set of public keys in 32 bytes each (a `Set` of their hex texts takes four times as much): open addressing, at
 * most half full. Keys are random numbers, so the key itself says where it belongs.
 */
export class KeySet {
  readonly #words: Uint32Array
  readonly #used: Uint8Array
  readonly #mask: number
  #size = 0

  /** @param pubkeys lowercase hex. */
  constructor(pubkeys: Iterable<string>, count: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(MIN_SLOTS, count * 2)))
    this.#words = new Uint32Array(slots * WORDS)
    this.#used = new Uint8Array(slots)
    this.#mask = slots - 1
    for (const pubkey of pubkeys) this.#add(pubkey)
  }

  get size(): number {
    return this.#size
  }

  has(pubkey: string): boolean {
    const slot = this.#find(pubkey)
    return slot >= 0 && this.#used[slot] === 1
  }

  #add(pubkey: string): void {
    const slot = this.#find(pubkey)
    if (slot < 0 || this.#used[slot] === 1) return
    for (let word = 0; word < WORDS; word++) this.#words[slot * WORDS + word] = wordOf(pubkey, word)
    this.#used[slot] = 1
    this.#size++
  }

  /** The slot that holds the key, or the free one where it belongs; -1 when the set is full. */
  #find(pubkey: string): number {
    const [w0, w1, w2, w3] = [wordOf(pubkey, 0), wordOf(pubkey, 1), wordOf(pubkey, 2), wordOf(pubkey, 3)]
    const words = this.#words
    for (
      let probe = 0, slot = w0 & this.#mask;
      probe <= this.#mask;
      probe++, slot = (slot + 1) & this.#mask
    ) {
      if (this.#used[slot] === 0) return slot
      const at = slot * WORDS
      if (words[at] === w0 && words[at + 1] === w1 && words[at + 2] === w2 && words[at + 3] === w3)
        return slot
    }
    return -1
  }
}

function wordOf(pubkey: string, word: number): number {
  return Number.parseInt(pubkey.slice(word * 8, word * 8 + 8), 16)
}
