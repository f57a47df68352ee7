/** The embedded PostgreSQL: a server of our own, as a child process. */
export { type DataFolder, initialise } from './data-folder.ts'
export {
  type EmbeddedDatabase,
  type EmbeddedDatabaseOptions,
  startEmbeddedDatabase,
} from './embedded-database.ts'
export { findEmbeddedProgram, type PostgresProgram } from './program.ts'
export { type ServerUser, serverUser } from './server-user.ts'
