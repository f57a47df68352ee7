/** The door of the connection registry: who is connected, on every process, and what an operator switches for all. */
export { BusRegistry, type BusRegistryCounters, type BusRegistryOptions } from './bus-registry.ts'
export { createMemoryRegistry } from './memory-registry.ts'
export { registerable } from './registerable.ts'
export {
  type CloseRequest,
  type ConnectionPage,
  type ConnectionRegistry,
  type ConnectionTraffic,
  MAX_FILTERS_LENGTH,
  type RegisteredConnection,
  type RegisteredSubscription,
  type UnknownConnection,
} from './registry.ts'
export { RegistryFeed, type RegistryFeedCounters, type RegistryFeedDeps } from './registry-feed.ts'
export { type RelaySwitches, SharedSwitches } from './switches.ts'
export { useAuthenticator } from './used-authenticators.ts'
