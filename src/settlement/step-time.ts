/** How long a step of a round may take, so that what is behind it has its turn; and each answer that it waits for. */
export interface StepTime {
  /** Begin nothing more; the next round goes on. */
  isOver(): boolean
  /** Aborted when the step's time is over. */
  readonly signal: AbortSignal
  /** For one answer: no longer than the step. */
  limit(): AbortSignal
}

/** @param stopping aborted when there is no time at all any more. */
export function stepTime(
  stopping: AbortSignal,
  { stepMs, answerMs }: { readonly stepMs: number; readonly answerMs: number },
): StepTime {
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(stepMs)])
  return {
    isOver: () => signal.aborted,
    signal,
    limit: () => AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
  }
}
