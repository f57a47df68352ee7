import type { WordIndexes } from './word-indexes.ts'

const LOOK_INTERVAL_MS = 250
/** In one interval no more than this is spent: a fifth of the thread. */
const MAX_SPENT_MS = 50
/** A thread that was busy for more than this part of the last interval is left alone. */
const MAX_UTILIZATION = 0.5
/** Read in one go: half a millisecond or so, since an EVENT takes several rounds of the event loop. */
const WORDS_AT_ONCE = 800

/**
 * Reads the words of new events while the thread has nothing better to do, so that the next search need not. Where
 * events come in faster than that, a search has to catch up first.
 */
export class WordsKeeper {
  readonly #indexes: WordIndexes
  readonly #timer: NodeJS.Timeout
  #utilization = performance.eventLoopUtilization()
  #isWorking = false
  #isStopped = false

  constructor(indexes: WordIndexes) {
    this.#indexes = indexes
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS)
    this.#timer.unref()
  }

  stop(): void {
    this.#isStopped = true
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization)
    this.#utilization = now
    if (utilization <= MAX_UTILIZATION && !this.#isWorking) this.#work(0)
  }

  #work(spentMs: number): void {
    this.#isWorking = false
    if (this.#isStopped) return
    const startedMs = performance.now()
    if (!this.#indexes.catchUp(WORDS_AT_ONCE)) return
    const spent = spentMs + performance.now() - startedMs
    if (spent >= MAX_SPENT_MS) return
    this.#isWorking = true
    setImmediate(() => this.#work(spent)).unref()
  }
}
