export type { EventCursor, EventPage, EventStore, PutOutcome, StoreStats } from './store.ts'
