export {
  canonicalize,
  computeEventId,
  encodeEvent,
  serializeForId,
  type UnidentifiedEvent,
} from './canonical.ts'
export {
  type ClientMessage,
  MAX_SUBSCRIPTION_ID_CHARACTERS,
  type MessageLimits,
  type MessageRefusal,
  parseClientMessage,
} from './client-message.ts'
export {
  type ConnectAuthExpectations,
  createConnectAuth,
  MAX_CONNECT_AUTH_CHARACTERS,
  readConnectAuth,
  type UnverifiedConnectAuth,
} from './connect-auth.ts'
export type { NostrEvent } from './event.ts'
export type { Filter, TagCondition } from './filter.ts'
export { type EventSigner, finalizeEvent, type UnsignedTemplate } from './finalize-event.ts'
export { isHex64, isHex128 } from './hex.ts'
export {
  type Address,
  addressOf,
  dTagValue,
  isAddressable,
  isEphemeral,
  isReplaceable,
  KINDS,
  type KindClass,
  kindClass,
  MAX_KIND,
  parseAddress,
} from './kinds.ts'
export { matchesAnyFilter, matchesFilter } from './match-filter.ts'
export {
  MIN_NEGENTROPY_FRAME_BYTES,
  NegentropyClient,
  type NegentropyClientLimits,
  NegentropyItems,
  type NegentropyLimits,
  type NegentropySet,
  type NegentropyStep,
  negentropySetOf,
  reconcile,
} from './negentropy/index.ts'
export {
  isNip05Name,
  MAX_NIP05_NAME_CHARACTERS,
  type Nip05Document,
  type Nip05Person,
  nip05Document,
  parseNip05Name,
} from './nip05.ts'
export { type DeletionTargets, deletionTargets, mayDelete } from './nip09.ts'
export {
  isRelayInformationRequest,
  RELAY_INFORMATION_MEDIA_TYPE,
  type RelayFee,
  type RelayFees,
  type RelayInformation,
  type RelayLimitation,
} from './nip11.ts'
export { committedTarget, difficulty, meetsDifficulty } from './nip13.ts'
export { readEventIdText, readPubkeyText } from './nip19.ts'
export { expirationOf, isExpired } from './nip40.ts'
export { type AuthExpectations, checkAuthEvent, isRelayOf, normalizeRelayUrl } from './nip42.ts'
export {
  invite,
  isMembershipRequest,
  joinRequest,
  leaveRequest,
  MAX_CLAIM_CHARACTERS,
  MEMBERSHIP_EXCHANGE_KINDS,
  type Member,
  type MembershipRequest,
  type MembershipRequestOptions,
  memberAdded,
  memberRemoved,
  membershipList,
  parseMembershipRequest,
  RELAY_SIGNED_KINDS,
  type Role,
  roleDefinition,
} from './nip43.ts'
export {
  addToHyperLogLog,
  estimateHyperLogLog,
  HYPERLOGLOG_REGISTERS,
  hyperLogLogHex,
  hyperLogLogOffset,
  mergeHyperLogLog,
  parseHyperLogLog,
} from './nip45.ts'
export {
  MAX_REPORT_TARGETS,
  parseReport,
  REPORT_TYPES,
  type Report,
  type ReportTarget,
  type ReportType,
} from './nip56.ts'
export { AUTHOR_ONLY_KINDS, PRIVATE_KINDS, WRAPPED_ONLY_KINDS } from './nip59.ts'
export { isVanishRequest, vanishTargets } from './nip62.ts'
export {
  discoveryUrl,
  MAX_DISCOVERY_VALUES,
  MONITOR_ANNOUNCEMENT_KIND,
  type MonitorAnnouncement,
  monitorAnnouncement,
  parseMonitorAnnouncement,
  parseRelayDiscovery,
  RELAY_DISCOVERY_KIND,
  type RelayDiscovery,
  type RelayNetwork,
  relayDiscovery,
} from './nip66.ts'
export { embedsProtected, isProtected } from './nip70.ts'
export {
  isChangingMethod,
  isManagementRequest,
  MANAGEMENT_MEDIA_TYPE,
  MANAGEMENT_METHODS,
  type ManagementCall,
  type ManagementMethod,
  parseManagementCall,
} from './nip86.ts'
export {
  createHttpAuth,
  encodeHttpAuth,
  type HttpAuthExpectations,
  MAX_HTTP_AUTH_CHARACTERS,
  readHttpAuth,
  type UnverifiedHttpAuth,
} from './nip98.ts'
export { compareNewestFirst } from './order.ts'
export { parseEvent } from './parse-event.ts'
export {
  DEFAULT_MAX_SEARCH_CHARACTERS,
  type FilterLimits,
  type FilterRefusal,
  parseFilter,
} from './parse-filter.ts'
export { REASON_PREFIXES, type ReasonPrefix, reason } from './reason.ts'
export {
  authMessage,
  type CountExtras,
  closedMessage,
  countMessage,
  type EoseHint,
  eoseMessage,
  eventMessage,
  negErrorMessage,
  negMessage,
  noticeMessage,
  okMessage,
} from './relay-message.ts'
