/** The door of the way from bytes to observations. */
export { createIntake, type IntakeDeps } from './create-intake.ts'
export { DEFAULT_INTAKE_LIMITS, type IntakeLimits } from './intake-limits.ts'
export type { IntakeStats } from './intake-stats.ts'
export { languageOf } from './languages.ts'
export {
  DEFAULT_SIGNER_LOOKUP_LIMITS,
  openSignerLookups,
  type SignerLookupDeps,
  type SignerLookupLimits,
  type SignerLookupStats,
  type SignerLookups,
} from './lnurl-signers.ts'
export type { BatchSource, ObservationIntake } from './observation-intake.ts'
export { createSharedSeen, type SharedSeen } from './shared-seen.ts'
export type { ZapSignerStatus, ZapSigners } from './zap-signers.ts'
