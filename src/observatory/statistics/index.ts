/** The door of the statistics: the engine that counts, and how it judges relays. */
export type { StatisticsOptions } from './engine-options.ts'
export { HYPERLOGLOG_ERROR } from './fingerprint-hyperloglog.ts'
export { HEALTH_FORMULA, type HealthFacts, healthScore } from './health-score.ts'
export {
  type EngineStats,
  MAX_AHEAD_SECONDS,
  NOSTR_BEGAN_SECONDS,
  StatisticsEngine,
} from './statistics-engine.ts'
