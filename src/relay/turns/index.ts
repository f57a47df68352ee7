/** Who is served when: one thread shared fairly among the addresses it works for. */
export { PacedInbox, type Unread } from './paced-inbox.ts'
export { SlowLane } from './slow-lane.ts'
export type { Source } from './sources.ts'
export { Turns } from './turns.ts'
