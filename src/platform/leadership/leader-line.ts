/** A line to whichever process leads, over the bus: a question, and its answer. */
import { randomBytes } from 'node:crypto'
import { type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import type { Bus } from '../bus/index.ts'
import type { Logger } from '../logging.ts'
import type { DutyName } from './terms.ts'

export interface AskOptions {
  /** How long to wait for the answer. Default 10,000. */
  readonly timeoutMs?: number
}

interface Question {
  readonly id: string
  readonly from: string
  /** After this nobody waits for the answer any more, and it must not be acted on: the bus may have held it back. */
  readonly untilMs: number
  readonly what: unknown
}

interface Reply {
  readonly id: string
  readonly outcome: Outcome<unknown, Refusal>
}

const ANSWER_TIMEOUT_MS = 10_000
/** Questions that wait in one process. */
const MAX_WAITING = 100
/** Of a question or an answer. */
const MAX_BYTES = 1024 * 1024

/**
 * At most once: a question that gets no answer in time may have been acted on. What goes over the bus is between the
 * processes of one Stoa, which trust each other and their Redis.
 */
export class LeaderLine {
  readonly #bus: Pick<Bus, 'publish' | 'subscribe'>
  readonly #logger: Logger
  readonly #name = randomBytes(8).toString('hex')
  readonly #duty: DutyName
  readonly #waiting = new Map<string, (outcome: Outcome<unknown, Refusal>) => void>()
  readonly #stopHearing: () => void

  constructor(bus: Pick<Bus, 'publish' | 'subscribe'>, logger: Logger, duty: DutyName = 'services') {
    this.#duty = duty
    this.#logger = logger
    this.#bus = bus
    const subscription = bus.subscribe(this.#answersTo(this.#name), (payload) => {
      const reply = read<Reply>(payload)
      if (reply !== undefined) this.#waiting.get(reply.id)?.(reply.outcome)
    })
    this.#stopHearing = () => subscription.stop()
  }

  /** Asks whoever leads. Refused with `UNAVAILABLE` when nobody answers in time. */
  async ask(
    what: unknown,
    { timeoutMs = ANSWER_TIMEOUT_MS }: AskOptions = {},
  ): Promise<Outcome<unknown, Refusal>> {
    if (this.#waiting.size >= MAX_WAITING) return refused(TOO_MANY)
    const id = randomBytes(8).toString('hex')
    let timer: NodeJS.Timeout | undefined
    const answered = new Promise<Outcome<unknown, Refusal>>((resolve) => {
      this.#waiting.set(id, resolve)
      timer = setTimeout(() => resolve(refused(NO_ANSWER)), timeoutMs)
    })
    try {
      this.#bus.publish(
        this.#questions,
        written({ id, from: this.#name, untilMs: Date.now() + timeoutMs, what } satisfies Question),
      )
      return await answered
    } finally {
      clearTimeout(timer)
      this.#waiting.delete(id)
    }
  }

  /** Answers the questions of all processes, from now on; returns how to stop. For the one that leads. */
  answer(handle: (what: unknown) => Promise<Outcome<unknown, Refusal>>): () => void {
    const subscription = this.#bus.subscribe(this.#questions, (payload) => {
      const question = read<Question>(payload)
      if (question === undefined || question.untilMs <= Date.now()) return
      void this.#answerOne(question, handle)
    })
    return () => subscription.stop()
  }

  async #answerOne(
    { id, from, what }: Question,
    handle: (what: unknown) => Promise<Outcome<unknown, Refusal>>,
  ): Promise<void> {
    const answer = (outcome: Outcome<unknown, Refusal>) =>
      this.#bus.publish(this.#answersTo(from), written({ id, outcome } satisfies Reply))
    try {
      answer(await handle(what))
    } catch (err) {
      this.#logger.error({ err }, 'leadership.answer_failed')
      answer(refused(FAILED))
    }
  }

  get #questions(): string {
    return `leader:${this.#duty}:questions`
  }

  #answersTo(name: string): string {
    return `leader:${this.#duty}:answers:${name}`
  }

  close(): void {
    this.#stopHearing()
    for (const resolve of this.#waiting.values()) resolve(refused(NO_ANSWER))
  }
}

function written(message: Question | Reply): Uint8Array {
  return Buffer.from(JSON.stringify(message))
}

/** Written by `written`, in a process of the same program. */
function read<T extends Question | Reply>(payload: Buffer): T | undefined {
  if (payload.byteLength > MAX_BYTES) return undefined
  try {
    return JSON.parse(payload.toString()) as T
  } catch {
    return undefined
  }
}

const NO_ANSWER: Refusal = {
  code: 'UNAVAILABLE',
  text: 'the process that does this for all did not answer; look whether it was done, and try again in a moment',
}
const TOO_MANY: Refusal = {
  code: 'BUSY',
  text: 'too many questions wait for the process that does this for all',
}
const FAILED: Refusal = {
  code: 'UNAVAILABLE',
  text: 'the process that does this for all could not; its log says why',
}
