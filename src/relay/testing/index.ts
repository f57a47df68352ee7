/** What tests of the relay and of parts beside it start. */
export { startLonelyRelay } from './lonely-relay.ts'
