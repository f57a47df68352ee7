/** The door of leadership: one process at a time does what is done once, and the others can ask it. */
export { type AskOptions, LeaderLine } from './leader-line.ts'
export {
  type Duties,
  type Leadership,
  type LeadershipDeps,
  leadAtOnce,
  startLeadership,
} from './leadership.ts'
export { type DutyName, holdsTerm, type LeaderTerm, whileTermHeld } from './terms.ts'
