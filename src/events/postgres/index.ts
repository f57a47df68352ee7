export type { PostgresNotice } from './notices.ts'
export { openPostgresStore, type PostgresStore, type PostgresStoreOptions } from './postgres-store.ts'
