/** The door of retention: rules, one pass over a store, and the passes of a running program. */
export { registerRetentionMetrics } from './metrics.ts'
export type { RemovalReason } from './pass.ts'
export { type Retention, type RetentionDeps, type RetentionStats, startRetention } from './retention.ts'
export {
  ageRefusal,
  governingRule,
  isBeyondAge,
  parseRetention,
  type RetentionRules,
  type RetentionSettings,
  removesAnything,
  removesByAge,
} from './rules.ts'
export { type PassOptions, type PassReport, type Removed, runPass } from './run-pass.ts'
