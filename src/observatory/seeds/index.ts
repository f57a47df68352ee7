/** The door: where the observatory starts from. */
export { seedRelays } from './seed-relays.ts'
