/** The door of what is between observations and the database: the journal on disk, and the deliveries. */
export { decodeDelivery, encodeDelivery } from './delivery-bytes.ts'
export { DEFAULT_DELIVERY_LIMITS, type DeliveryLimits } from './delivery-limits.ts'
export { type Journal, type JournalOptions, openJournal } from './journal.ts'
export { journalOnDisk } from './journal-on-disk.ts'
export { mergeReports } from './merge-reports.ts'
export {
  type DeliveryDeps,
  type DeliveryService,
  type DeliveryStats,
  type ObservationSource,
  startDelivery,
} from './start-delivery.ts'
