import { type BoundedQueue, createBoundedQueue } from '../../kernel/index.ts'
import type { NostrEvent } from '../../nostr/index.ts'
import type { PolicySettings } from '../settings.ts'
import {
  type OutsideAnswer,
  outsideQuestion,
  parseOutsideAnswer,
  verdictOfAnswer,
  verdictWithout,
} from './outside-answer.ts'
import {
  definePolicy,
  type LatePolicy,
  type OutsideStats,
  type PolicyDeps,
  type Verdict,
  type WriteContext,
} from './policy.ts'

const MAX_ANSWER_BYTES = 16 * 1024

/** A web service that decides: it is sent a plugin's question by POST, and answers as a plugin would. */
export const httpHook = definePolicy({
  name: 'hook',
  pick: ({ policies }) => (policies.hook.url === '' ? undefined : policies.hook),
  create: (own, deps) => new HookPolicy(own, deps),
})

type HookSettings = PolicySettings['hook']

/** Asks with bounds: on requests at a time, on events that wait for one, and on failures. */
class HookPolicy implements LatePolicy {
  readonly name = 'hook'
  readonly stage = 'after-signature'
  readonly #settings: HookSettings
  readonly #deps: PolicyDeps
  readonly #turns: BoundedQueue<() => void>
  readonly #ending = new AbortController()
  #running = 0
  #failures = 0
  #brokenUntilMs = 0
  #allFailures = 0
  #unanswered = 0

  constructor(settings: HookSettings, deps: PolicyDeps) {
    this.#settings = settings
    this.#deps = deps
    this.#turns = createBoundedQueue({ max: settings.maxWaiting, whenFull: 'refuse' })
  }

  judge(event: NostrEvent, context: WriteContext): Verdict | Promise<Verdict> {
    const { maxConcurrent } = this.#settings
    if (this.#isBroken()) return this.#without()
    if (this.#running < maxConcurrent) return this.#ask(event, context)
    const { promise: turn, resolve } = Promise.withResolvers<void>()
    if (!this.#turns.push(resolve)) return this.#without()
    return turn.then(() => this.#ask(event, context))
  }

  outside(): OutsideStats {
    const { maxWaiting, maxConcurrent } = this.#settings
    return {
      up: this.#isBroken() ? 0 : 1,
      waiting: this.#turns.size + this.#running,
      maxWaiting: maxWaiting + maxConcurrent,
      unanswered: this.#unanswered,
      failures: this.#allFailures,
      starts: 0,
    }
  }

  close(): void {
    this.#ending.abort()
  }

  async #ask(event: NostrEvent, context: WriteContext): Promise<Verdict> {
    // Those who waited while it broke are not asked about any more.
    if (this.#isBroken()) return this.#next(this.#without())
    this.#running++
    try {
      const answer = await this.#post(outsideQuestion(event, context))
      this.#failures = 0
      return verdictOfAnswer(answer)
    } catch (error) {
      this.#failed(error)
      return this.#without()
    } finally {
      this.#running--
      this.#next(undefined)
    }
  }

  #isBroken(): boolean {
    return this.#deps.clock.nowMs() < this.#brokenUntilMs
  }

  #without(): Verdict {
    this.#unanswered++
    return verdictWithout(this.#settings.whenUnavailable)
  }

  #next(verdict: Verdict): Verdict {
    this.#turns.shift()?.()
    return verdict
  }

  async #post(body: string): Promise<OutsideAnswer> {
    const { url, secret, timeoutMs } = this.#settings
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(secret !== '' && { authorization: `Bearer ${secret}` }),
      },
      body,
      redirect: 'error',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#ending.signal]),
    })
    const text = await readAtMost(response, MAX_ANSWER_BYTES)
    if (!response.ok) throw new Error(`status ${response.status}`)
    const answer = parseOutsideAnswer(text)
    if (answer === undefined) throw new Error('the answer is none')
    return answer
  }

  #failed(error: unknown): void {
    const { breakAfterFailures, breakSeconds } = this.#settings
    this.#allFailures++
    if (this.#ending.signal.aborted || ++this.#failures < breakAfterFailures) return
    this.#failures = 0
    this.#brokenUntilMs = this.#deps.clock.nowMs() + breakSeconds * 1_000
    const facts = {
      why: error instanceof Error ? error.message : String(error),
      retryInMs: breakSeconds * 1_000,
    }
    this.#deps.notify({ event: 'policies.hook_failed', level: 'error', facts })
  }
}

async function readAtMost(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
