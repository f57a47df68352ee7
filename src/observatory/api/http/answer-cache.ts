import type { Answer } from './answer.ts'

export interface AnswerCacheLimits {
  readonly maxEntries: number
  readonly maxBytes: number
}

export const ANSWER_CACHE_LIMITS: AnswerCacheLimits = { maxEntries: 2_000, maxBytes: 64 * 1024 * 1024 }
/** Share of `maxBytes` that one answer may have; a larger one is made anew for each request. */
const MAX_SHARE = 4

/** Answers by what was asked for; one of an older version is as good as none. Those asked for least lately go first. */
export class AnswerCache {
  readonly #limits: AnswerCacheLimits
  readonly #answers = new Map<string, Answer>()
  #bytes = 0

  constructor(limits: AnswerCacheLimits = ANSWER_CACHE_LIMITS) {
    this.#limits = limits
  }

  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#answers.size, bytes: this.#bytes }
  }

  get(key: string, version: string): Answer | undefined {
    const answer = this.#answers.get(key)
    if (answer === undefined) return undefined
    this.#answers.delete(key)
    if (answer.version !== version) {
      this.#bytes -= answer.bytes
      return undefined
    }
    this.#answers.set(key, answer)
    return answer
  }

  put(key: string, answer: Answer): void {
    this.#remove(key)
    if (answer.bytes > this.#limits.maxBytes / MAX_SHARE) return
    this.#answers.set(key, answer)
    this.#bytes += answer.bytes
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= this.#limits.maxEntries && this.#bytes <= this.#limits.maxBytes) return
      this.#remove(oldest)
    }
  }

  #remove(key: string): void {
    const answer = this.#answers.get(key)
    if (answer === undefined) return
    this.#answers.delete(key)
    this.#bytes -= answer.bytes
  }
}
