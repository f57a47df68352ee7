/** Questions from a thread to the main one and back, over the channel that both have anyway. */
import { AppError } from './kernel/index.ts'

/** A question: the name of what is asked, and what it is asked with (plain data). */
export interface ThreadCall {
  readonly call: number
  readonly name: string
  readonly with: readonly unknown[]
}

export type ThreadAnswer =
  | { readonly answerTo: number; readonly value: unknown }
  | { readonly answerTo: number; readonly failed: string }

/** Questions that may be unanswered at a time; one more is refused at once. */
const MAX_OPEN_CALLS = 10_000

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** The side that asks. */
export class ThreadCaller {
  readonly #send: (call: ThreadCall) => void
  readonly #waiting = new Map<number, Waiting>()
  #lastCall = 0
  #endedBecause: string | undefined

  constructor(send: (call: ThreadCall) => void) {
    this.#send = send
  }

  /** Questions that are not answered yet. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Rejects with what the other side threw, when too many questions are open, and when the other side has ended. */
  ask(name: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#endedBecause !== undefined) return Promise.reject(new AppError('INTERNAL', this.#endedBecause))
    if (this.#waiting.size >= MAX_OPEN_CALLS)
      return Promise.reject(
        new AppError('INTERNAL', `More than ${MAX_OPEN_CALLS} calls to a thread are open.`),
      )
    const call = ++this.#lastCall
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject })
      this.#send({ call, name, with: args })
    })
  }

  /** The other side is gone: what it has not answered is rejected, since nobody will. */
  end(because: string): void {
    this.#endedBecause ??= because
    for (const { reject } of this.#waiting.values()) reject(new AppError('INTERNAL', because))
    this.#waiting.clear()
  }

  receive(answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.answerTo)
    if (waiting === undefined) return
    this.#waiting.delete(answer.answerTo)
    if ('failed' in answer) waiting.reject(new AppError('INTERNAL', answer.failed))
    else waiting.resolve(answer.value)
  }
}

/** The side that answers: by the method of that name. */
export async function answerCall(
  target: Readonly<Record<string, (...args: never[]) => unknown>>,
  { call, name, with: args }: ThreadCall,
): Promise<ThreadAnswer> {
  try {
    const method = target[name]
    if (method === undefined) return { answerTo: call, failed: `nothing answers to ${name}` }
    // The two sides are one program and share the type of the target; only the channel between them forgets it.
    return { answerTo: call, value: await method.apply(target, args as never[]) }
  } catch (error) {
    return { answerTo: call, failed: error instanceof Error ? error.message : String(error) }
  }
}
