/** The door of exchange rates. */
export { type RateSettings, RateTable } from './rate-table.ts'
