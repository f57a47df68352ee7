/**
 * Work that can be interrupted: call `step` until it returns true, then read `value`. Each step is a millisecond or so.
 */
export interface SlicedTask<T> {
  readonly value: T
  step(): boolean
}

/** Tasks may work for so long in one turn of the event loop, all of them together; what is left goes on in the next. */
const TURN_MS = 1

/** A piece of work that can be interrupted: returns true when it is done. */
type Step = () => boolean

/** Does the tasks of a thread step by step, each in its turn, and leaves the rest of each turn to others. */
export class TaskTurns {
  #queue: Step[] = []
  #isScheduled = false

  /** Does a task to its end; its first step at once. */
  finish<T>(task: SlicedTask<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    this.add(() => {
      try {
        if (!task.step()) return false
        resolve(task.value)
      } catch (error) {
        reject(error)
      }
      return true
    })
    return promise
  }

  /** Takes the first step at once and the others in their turns. @param step never throws. */
  add(step: Step): void {
    if (step()) return
    this.#queue.push(step)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queue.length === 0) return
    this.#isScheduled = true
    setImmediate(() => this.#take())
  }

  #take(): void {
    this.#isScheduled = false
    const startedMs = performance.now()
    const queue = this.#queue
    this.#queue = []
    let next = 0
    while (next < queue.length && performance.now() - startedMs < TURN_MS) {
      const step = queue[next++]!
      if (!step()) this.#queue.push(step)
    }
    this.#queue = [...queue.slice(next), ...this.#queue]
    this.#schedule()
  }
}
