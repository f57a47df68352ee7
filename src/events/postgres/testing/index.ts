export { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts'
export { makePostgresStore } from './make-postgres-store.ts'
export {
  dropSchema,
  freshSchema,
  noDatabaseBecause,
  noServerBecause,
  openTestDatabase,
  openTestPool,
  type PostgresServer,
  startPostgres,
  type TestDatabase,
} from './postgres-server.ts'
