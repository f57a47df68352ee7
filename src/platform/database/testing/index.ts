/** What tests of any part use: real databases, fresh and quick. */
export { chosenPostgres, hasDebianPostgres, type PostgresUnderTest } from './postgres-under-test.ts'
export {
  type DataMigration,
  migrateWithData,
  type TestDatabaseOptions,
  testDatabase,
} from './test-database.ts'
export { startTestServer, type TestServer } from './test-server.ts'
