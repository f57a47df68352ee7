/** The door of moderation: what people decide about the relay, kept, written down and told to every relay thread. */
export type { LevelChange, RelayControl } from './access/access-keeper.ts'
export type { EntryPage, ListedEntry } from './access/list-entries.ts'
export type { Levels } from './access/lists.ts'
export { type AccessSnapshot, loadSnapshot } from './access/snapshot.ts'
export type { Actor } from './actor.ts'
export type { Decision } from './decide.ts'
export type { Approval, HeldEvent, HeldPage, Publish } from './held/held-events.ts'
export type { MessageBus } from './messages.ts'
export {
  MAX_CHANGES,
  type Moderation,
  type ModerationDeps,
  type ModerationStatus,
  openModeration,
} from './moderation.ts'
export type { ModerationOutcome, ModerationRefusal } from './refusal.ts'
export {
  type Complaint,
  type Judgement,
  REPORT_DECISIONS,
  type ReportDecision,
  type ReportedTarget,
  type ReportedThing,
  type ReportPage,
} from './reports/reports.ts'
export type { ModerationSettings } from './settings.ts'
export type { AccessListName, HeldState } from './tables.ts'
