/** The door of mirrors: other relays that this one follows or feeds, and one-time synchronisation. */
export {
  createIntake,
  type Intake,
  type IntakeDeps,
  type IntakePolicies,
  type IntakeResult,
  type IntakeSource,
} from './intake.ts'
export type { MirrorPhase, MirrorStatus } from './mirror.ts'
export { mirrorFile } from './mirror-file.ts'
export { checkMirror, DEFAULT_MIRROR, type MirrorSettings } from './mirror-settings.ts'
export type { MirrorRecord, MirrorsState } from './mirror-state.ts'
export { mirrorTable } from './mirror-table.ts'
export { type Mirrors, type MirrorsDeps, openMirrors } from './mirrors.ts'
export {
  type ConnectRelayOptions,
  connectRelay,
  RelayClient,
  type RelayClientLimits,
} from './relay-client.ts'
export { type SyncOptions, type SyncWithOptions, syncWith } from './sync.ts'
export { type Direction, refuseFilter, type SyncTotals } from './transfer.ts'
