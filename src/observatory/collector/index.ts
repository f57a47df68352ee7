/** The door of the collector: connections to other relays. */
export { type CollectorDeps, openCollector } from './collector.ts'
export type { Collector, CollectorStats, RelayStatus } from './collector-figures.ts'
export {
  type CollectorLimits,
  type CollectorSettings,
  DEFAULT_COLLECTOR_SETTINGS,
  MAX_CONNECTIONS,
} from './collector-settings.ts'
export { DEFAULT_KINDS } from './kind-lanes.ts'
export {
  type BusMembers,
  type BusMembersOptions,
  busMembers,
  type CollectorMembers,
  lonelyMembers,
} from './members.ts'
export {
  type AddressRefusal,
  type AddressRules,
  MAX_RELAY_URL_CHARACTERS,
  normalizeRelayAddress,
} from './relay-address.ts'
export { shareOf } from './share.ts'
