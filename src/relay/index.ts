export { loadAccessLists, saveAccessLists } from './access-file.ts'
export {
  type AccessChange,
  AccessLists,
  type AccessListsData,
  EMPTY_ACCESS_LISTS,
  type GrantedLevel,
  type InformationOverrides,
} from './access-lists.ts'
export { AUTH_LEVEL_NAMES, AUTH_LEVELS, type AuthLevel, isAuthLevel } from './auth-level.ts'
export { clientAddress, TrustedProxies } from './client-address.ts'
export type { ConnectionFacts, ConnectionSelector } from './connections.ts'
export { createCounters, createGauges, type RelayGauges, type RelayStats, sumStats } from './counters.ts'
export { LiveEvent } from './event-frames.ts'
export { relayInformation } from './information.ts'
export { isIpRange } from './ip-ranges.ts'
export { type HttpFallback, requireFreePort, type UpgradeFallback } from './listener.ts'
export { createLocalBus, joinBuses, type LiveBus, type LiveListener } from './live-bus.ts'
export type { RelayOrder, SharedSwitchesData } from './orders.ts'
export {
  createWritePolicies,
  type OutsideStats,
  type PolicyCount,
  type PolicyNotice,
  type Verdict,
  type WriteContext,
  type WritePolicies,
} from './policies/index.ts'
export { createProcessBus, type ProcessBus, type ProcessBusCounters } from './process-bus.ts'
export { type Relay, type RelayDeps, startRelay } from './relay.ts'
export { createLonelyHost, type HostAnswer, type RelayHost, UsedEvents } from './relay-host.ts'
export type { RelaySettings } from './settings.ts'
export { createThreadBus } from './thread-bus.ts'
export { openWaitingRoom, type WaitingRoom } from './waiting-room.ts'
