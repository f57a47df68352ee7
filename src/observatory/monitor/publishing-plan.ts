/**
 * When each relay is published: once in every interval, each at a moment of its own that follows from its URL. So what goes
 * out is a steady trickle, and a restart neither repeats everything nor shifts it.
 */
import { createHash } from 'node:crypto'

export class PublishingPlan {
  readonly #frequencySeconds: number
  /** By URL: its moment in the interval, and the number of the interval in which it was published last. */
  readonly #relays = new Map<string, { readonly phase: number; published: number }>()

  constructor(frequencySeconds: number) {
    this.#frequencySeconds = frequencySeconds
  }

  /**
   * Those whose moment has come, the longest overdue first. A relay that is new here waits for its moment; one that is not
   * among `urls` any more is forgotten.
   */
  due(urls: readonly string[], nowSeconds: number): readonly string[] {
    const current = new Set(urls)
    for (const url of this.#relays.keys()) if (!current.has(url)) this.#relays.delete(url)
    const due: { readonly url: string; readonly sinceSeconds: number }[] = []
    for (const url of current) {
      const known = this.#relays.get(url)
      if (known === undefined) {
        const phase = this.#phaseOf(url)
        this.#relays.set(url, { phase, published: this.#intervalOf(phase, nowSeconds) })
      } else if (known.published < this.#intervalOf(known.phase, nowSeconds)) {
        due.push({ url, sinceSeconds: known.phase + (known.published + 1) * this.#frequencySeconds })
      }
    }
    return due
      .toSorted((a, b) => a.sinceSeconds - b.sinceSeconds || (a.url < b.url ? -1 : 1))
      .map(({ url }) => url)
  }

  /** It went out: not before its moment in the next interval again. */
  published(url: string, nowSeconds: number): void {
    const known = this.#relays.get(url)
    if (known !== undefined) known.published = this.#intervalOf(known.phase, nowSeconds)
  }

  #phaseOf(url: string): number {
    return createHash('sha256').update(url).digest().readUInt32BE(0) % this.#frequencySeconds
  }

  #intervalOf(phase: number, nowSeconds: number): number {
    return Math.floor((nowSeconds - phase) / this.#frequencySeconds)
  }
}
