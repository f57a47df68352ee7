/** The door of backups: make one, look at them, bring one back; and those of a running program. */
export {
  type BackupSettings,
  type BackupStats,
  type BackupSummary,
  type Backups,
  type BackupsDeps,
  listBackups,
  startBackups,
} from './backups.ts'
export {
  type BackupReport,
  type BackupSources,
  type CreateBackupOptions,
  createBackup,
} from './create-backup.ts'
export { databaseTables } from './database-tables.ts'
export { registerBackupMetrics } from './metrics.ts'
export {
  type RefusalWord,
  type RestoreOptions,
  type RestoreReport,
  requireRestored,
  restoreBackup,
} from './restore-backup.ts'
export type { DumpedTable, TableAccess } from './tables.ts'
export { type Damage, type VerifyReport, verifyBackups } from './verify-backup.ts'
