/** The door of the audit log: write a row, show rows, check the chain. */
export { type AuditDeps, type AuditLog, type AuditQuery, createAuditLog } from './audit-log.ts'
export type { AuditCheckpoint, AuditEntry, AuditRecord, Json, UsedApiKey } from './entries.ts'
export {
  CHECKPOINT_KIND,
  type CheckpointDeps,
  type PublishedCheckpoint,
  publishCheckpoint,
  publishedCheckpoints,
  readCheckpoint,
} from './published-checkpoints.ts'
export { type AuditChain, type AuditDamage, verifyAuditChain } from './verify-audit-chain.ts'
