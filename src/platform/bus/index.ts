/** The door of what the processes of one Stoa share while they run: messages, values, rates, leases. */
export {
  type Bus,
  type BusChange,
  type BusCounters,
  type BusField,
  type BusListener,
  type BusMemory,
  type BusOutcome,
  type BusRefusal,
  type BusStatus,
  type BusSubscription,
  MAX_CHANGES,
  MAX_HELD_MESSAGES,
  type SetPage,
  type TokenAnswer,
  type TokenRate,
} from './bus.ts'
export { type LeaseCounters, type LeasedEntry, LeasedHash, type LeaseOptions } from './leased-hash.ts'
export { createMemoryBus } from './memory/memory-bus.ts'
export { askRedis, type BusOptions, openBus } from './open-bus.ts'
export type { RedisFacts } from './redis/probe-redis.ts'
