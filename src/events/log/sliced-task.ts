import { setImmediate as nextTurn } from 'node:timers/promises'

/**
 * Work that can be interrupted: call `step` until it returns true, then read `value`. Each step is a millisecond or so.
 */
export interface SlicedTask<T> {
  readonly value: T
  step(): boolean
}

/** Does a task to its end, with a turn for others after each step. */
export async function finish<T>(task: SlicedTask<T>): Promise<T> {
  while (!task.step()) await nextTurn()
  return task.value
}
