import type { EventStore } from '../store.ts'

/** A fresh, empty engine handed to a test, with what the test may do to it beyond the port. */
export interface StoreUnderTest {
  readonly store: EventStore
  /** Closes the open store and opens the same data again. Absent when an engine keeps nothing. */
  readonly reopen?: () => Promise<EventStore>
  /** Closes whichever store is open and clears its data away. */
  readonly dispose: () => Promise<void>
}

export type MakeStore = () => Promise<StoreUnderTest>
