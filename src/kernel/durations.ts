/** Upper bounds of the counts of a `Durations`, in seconds: from what memory answers to what somebody gives up on. */
export const DURATION_BOUNDS_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

/** How long something took, many times: plain numbers, so that they travel between threads and add up. */
export interface Durations {
  /** How many took up to each bound and longer than the one before; the last: longer than all bounds. */
  readonly counts: number[]
  sumSeconds: number
}

export function createDurations(): Durations {
  return { counts: Array.from({ length: DURATION_BOUNDS_SECONDS.length + 1 }, () => 0), sumSeconds: 0 }
}

/** Counts one that took so long. */
export function noteDuration(durations: Durations, tookMs: number): void {
  const seconds = tookMs / 1_000
  let place = 0
  while (place < DURATION_BOUNDS_SECONDS.length && seconds > DURATION_BOUNDS_SECONDS[place]!) place++
  durations.counts[place]!++
  durations.sumSeconds += seconds
}
