/** The door of exchange rates. */
export { type Exchange, type RateSettings, RateTable } from './rate-table.ts'
