import { test } from 'vitest'
import type { Filter, NostrEvent } from '../../nostr/index.ts'
import type { Audience } from '../audience.ts'
import type { EventStore, PutOutcome } from '../store.ts'
import { idsFound, type MakeStore, NOW_SECONDS, put, type StoreUnderTest } from '../testing/index.ts'

/** A sentence that is true of every engine, with its proof. */
export type Claim = (title: string, prove: (bench: Bench) => Promise<void>) => void

/**
 * A fresh store and the few moves that most proofs are made of. Time is `NOW_SECONDS` unless a proof says
 * otherwise.
 */
export interface Bench {
  readonly store: EventStore
  /** Puts one batch; what happened to each event, in a word. */
  readonly put: (
    events: readonly NostrEvent[],
    nowSeconds?: number,
  ) => Promise<readonly PutOutcome['status'][]>
  /** The ids that a query finds, in the order given. Several filters are one query. */
  readonly find: (filters: Filter | readonly Filter[], nowSeconds?: number) => Promise<readonly string[]>
  readonly count: (filters: Filter | readonly Filter[], nowSeconds?: number) => Promise<number>
  /** What a query finds for one reader. */
  readonly findFor: (audience: Audience, filters: Filter | readonly Filter[]) => Promise<readonly string[]>
  readonly countFor: (audience: Audience, filters: Filter | readonly Filter[]) => Promise<number>
  /** Closes the store and opens the same data again. Skips the claim when the engine keeps nothing. */
  readonly reopen: () => Promise<Bench>
}

export function claimFor(makeStore: MakeStore): Claim {
  return (title, prove) =>
    test(title, async ({ skip }) => {
      const subject = await makeStore()
      try {
        await prove(
          benchOf(subject, subject.store, () => skip('this engine keeps nothing when it is closed')),
        )
      } finally {
        await subject.dispose()
      }
    })
}

function benchOf(subject: StoreUnderTest, store: EventStore, skip: () => never): Bench {
  return {
    store,
    put: (events, nowSeconds = NOW_SECONDS) => put(store, events, nowSeconds),
    find: (filters, nowSeconds = NOW_SECONDS) => idsFound(store, listOf(filters), nowSeconds),
    count: async (filters, nowSeconds = NOW_SECONDS) => store.count(listOf(filters), nowSeconds),
    findFor: (audience, filters) => idsFound(store, listOf(filters), NOW_SECONDS, audience),
    countFor: async (audience, filters) => store.count(listOf(filters), NOW_SECONDS, audience),
    reopen: async () =>
      benchOf(subject, subject.reopen === undefined ? skip() : await subject.reopen(), skip),
  }
}

function listOf(filters: Filter | readonly Filter[]): readonly Filter[] {
  return isList(filters) ? filters : [filters]
}

// Array.isArray does not narrow a readonly array away from the other branch.
function isList(filters: Filter | readonly Filter[]): filters is readonly Filter[] {
  return Array.isArray(filters)
}

/** The ids of events, in the order they are listed. */
export function idsOf(...events: readonly NostrEvent[]): readonly string[] {
  return events.map(({ id }) => id)
}

/**
 * Two events alike but for their content, the one with the lower id first: the winner and the loser of a tie.
 */
export function byLowestId(a: NostrEvent, b: NostrEvent): readonly [lower: NostrEvent, higher: NostrEvent] {
  return a.id < b.id ? [a, b] : [b, a]
}
