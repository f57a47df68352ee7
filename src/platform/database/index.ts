/** The door of the database: open it, or start to; its types; its migrations; its locks. */
export { ADVISORY_LOCKS } from './advisory-locks.ts'
export type { ConnectionSettings, Database, DatabaseStats } from './database.ts'
export { hasEmbeddedDatabase, type InspectedDatabase, inspectDatabase } from './inspect-database.ts'
export { isTransient } from './is-transient.ts'
export {
  MIGRATIONS_FOLDER,
  type MigrateReport,
  type Migration,
  migrate,
  readMigrations,
} from './migrations.ts'
export {
  type DatabaseService,
  type OpenDatabaseOptions,
  openDatabase,
  startDatabase,
} from './open-database.ts'
export { PREPARED } from './prepared.ts'
export type { Tables } from './tables.ts'
