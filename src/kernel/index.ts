export {
  type Amount,
  ASSETS,
  type Asset,
  addAmounts,
  divideRoundingDown,
  formatAmount,
  parseAmount,
  subtractAmount,
} from './amount.ts'
export { AppError, type AppErrorDetails, ERROR_CODES, type ErrorCode, type Fact } from './app-error.ts'
export { type BoundedQueue, type BoundedQueueOptions, createBoundedQueue } from './bounded-queue.ts'
export { type Clock, createManualClock, type ManualClock, systemClock } from './clock.ts'
export { createDurations, DURATION_BOUNDS_SECONDS, type Durations, noteDuration } from './durations.ts'
export { accepted, type Outcome, type Refusal, RefusedError, refused } from './outcome.ts'
