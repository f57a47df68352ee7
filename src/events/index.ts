export { type Audience, mayRead } from './audience.ts'
export { hasSearchText, matchesSearch, parseSearch, type SearchQuery } from './search/index.ts'
export type {
  CountSketch,
  EventCursor,
  EventPage,
  EventStore,
  IdSet,
  PutOutcome,
  StoreStats,
} from './store.ts'
export { type TimeRange, type TimeWindow, type TimeWindowOptions, timeWindows } from './time-windows.ts'
