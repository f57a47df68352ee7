/** What tests of the registry share. */

export { listAll } from './list-all.ts'
export { registeredConnection } from './registered-connection.ts'
