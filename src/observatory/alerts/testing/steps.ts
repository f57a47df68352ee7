import type { Snapshot } from '../../snapshot.ts'
import { testSnapshot } from './snapshots.ts'

const START = 1_800_000_000
/** Longer than the half minute after which the rule of the crash test clears. */
const STEP_SECONDS = 31

/** Above ten events once, then below it for two steps; and so on. */
export function stepSnapshot(step: number): Snapshot {
  return testSnapshot({ atSeconds: START + step * STEP_SECONDS, events: step % 3 === 0 ? 11 : 0 })
}
