const WINDOW_SECONDS = 10
const SECOND_MS = 1_000

/** How many packets there were in each of the last ten seconds, from a count that only rises. */
export class PacketRate {
  readonly #count: () => number
  readonly #samples: number[]
  readonly #timer: NodeJS.Timeout

  constructor(count: () => number) {
    this.#count = count
    this.#samples = [count()]
    this.#timer = setInterval(() => {
      this.#samples.push(this.#count())
      if (this.#samples.length > WINDOW_SECONDS + 1) this.#samples.shift()
    }, SECOND_MS)
    this.#timer.unref()
  }

  perSecond(): number {
    const [first = 0] = this.#samples
    const seconds = this.#samples.length - 1
    if (seconds === 0) return 0
    return Math.round((10 * ((this.#samples.at(-1) ?? 0) - first)) / seconds) / 10
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
