/** The door of the console: the operator's API over HTTP, NIP-86, and the socket for the command line. */
export type { AccountsService, KeyOwner, PasswordCredentials, SessionTokens } from './accounts-service.ts'
export { findAdminSocket } from './admin-place.ts'
export { type AdminSocket, openAdminSocket } from './admin-socket.ts'
export { createIdentify } from './identify.ts'
export type {
  HistoryQuery,
  KeySubscription,
  ObservatoryDesk,
  ObservatoryFacts,
  WatchAlert,
  WatchedRelay,
  WatchedRelayQuery,
} from './observatory-desk.ts'
export { HISTORY_FORMATS, HISTORY_SUBJECTS, WATCHED_STATES } from './observatory-desk.ts'
export type {
  AccessListName,
  Actor,
  Answer,
  AuditDesk,
  BackupFacts,
  BackupsDesk,
  CommunityMember,
  ConnectionsDesk,
  ConsoleStatus,
  Desks,
  HeldEvent,
  HeldState,
  Invite,
  JobFailure,
  JobQueueFacts,
  JobsDesk,
  ListedEntry,
  MembershipDesk,
  MirrorFacts,
  MirrorsDesk,
  ModerationDesk,
  NamesDesk,
  Operator,
  RailFigures,
  ReportDecision,
  ReportedTarget,
  ReportedThing,
  SettingsDesk,
  SettlementDesk,
  SettlementFigures,
  SettlementOrder,
  ShownSetting,
  StaffDesk,
  StaffMember,
  StaffRole,
  StatusDesk,
  SubscriptionsDesk,
  TrustedDesk,
} from './operator.ts'
export { type ConsoleDeps, registerAdmin, registerConsole } from './register-console.ts'
export { isLocalHost, type KnownAs } from './request-urls.ts'
export { authorize, CONSOLE_SCOPES, type Principal } from './rights.ts'
