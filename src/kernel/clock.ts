/** The time of day, handed in so that a test can hold it still. */
export interface Clock {
  /** Unix time in milliseconds. */
  nowMs(): number
  /** Unix time in whole seconds, rounded down, as Nostr counts. */
  nowSeconds(): number
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  nowSeconds: () => Math.floor(Date.now() / 1000),
}

/** A clock that moves only when told. */
export interface ManualClock extends Clock {
  advanceMs(ms: number): void
  advanceSeconds(seconds: number): void
}

/** Makes a clock for tests that stands at `startMs` (Unix milliseconds). */
export function createManualClock(startMs: number): ManualClock {
  let currentMs = startMs
  return {
    nowMs: () => currentMs,
    nowSeconds: () => Math.floor(currentMs / 1000),
    advanceMs: (ms) => {
      currentMs += ms
    },
    advanceSeconds: (seconds) => {
      currentMs += seconds * 1000
    },
  }
}
