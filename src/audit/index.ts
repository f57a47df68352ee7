/** The door of the audit log: write a row, show rows, check the chain. */
export { type AuditDeps, type AuditLog, type AuditQuery, createAuditLog } from './audit-log.ts'
export type { AuditCheckpoint, AuditEntry, AuditRecord, Json } from './entries.ts'
export { type AuditChain, type AuditDamage, verifyAuditChain } from './verify-audit-chain.ts'
