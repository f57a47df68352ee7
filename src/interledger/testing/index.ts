/** The door of what tests of links put behind them. */
export {
  CONDITION,
  FULFILLMENT,
  fulfillOf,
  prepareOf,
  rejectOf,
  type WatchedEvents,
  watchedEvents,
} from './peers.ts'
