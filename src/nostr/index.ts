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
export type { NostrEvent } from './event.ts'
export type { Filter, TagCondition } from './filter.ts'
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
export { expirationOf, isExpired } from './nip40.ts'
export { type AuthExpectations, checkAuthEvent, normalizeRelayUrl } from './nip42.ts'
export { embedsProtected, isProtected } from './nip70.ts'
export { compareNewestFirst } from './order.ts'
export { parseEvent } from './parse-event.ts'
export { type FilterLimits, type FilterRefusal, parseFilter } from './parse-filter.ts'
export { REASON_PREFIXES, type ReasonPrefix, reason } from './reason.ts'
export {
  authMessage,
  closedMessage,
  countMessage,
  eoseMessage,
  eventMessage,
  noticeMessage,
  okMessage,
} from './relay-message.ts'
