import type { CollectorLimits } from '../collector-settings.ts'

/** For tests: little patience, so that what takes minutes takes a second. */
export const QUICK_LIMITS = {
  tickMs: 20,
  connectTimeoutMs: 1_500,
  answerTimeoutMs: 1_000,
  streamTimeoutMs: 5_000,
  stableMs: 400,
  proveMs: 3_000,
  pollMs: 200,
  slowerMs: 200,
  reportMs: 100,
  refreshMs: 500,
  learnMs: 50,
  scoutMs: 100,
  outageGraceMs: 100,
  outageQuietMs: 400,
} as const satisfies Partial<CollectorLimits>
