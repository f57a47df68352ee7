import { expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { createMemoryStore } from '../memory/index.ts'
import type { EventCursor, EventStore } from '../store.ts'
import { assertEnginesAgree, assertEnginesAgreeOnRandomStreams } from './assert-engines-agree.ts'
import type { StoreOperation } from './store-operation.ts'
import type { MakeStore } from './store-under-test.ts'
import { testEvent } from './test-event.ts'

/** Few enough to be quick, enough that each planted fault is found with any seed. */
const RUNS = 400

const makeSound: MakeStore = async () => subjectOf(createMemoryStore())

test('two sound engines agree on every stream', async () => {
  await assertEnginesAgreeOnRandomStreams(makeSound, makeSound, { runs: 200 })
})

/** Engines with one thing wrong in each; every one must be told from a sound engine. */
const faults: Readonly<Record<string, (sound: EventStore) => Partial<EventStore>>> = {
  'forgets every deletion after storing it': (sound) => ({
    put: async (batch, nowSeconds) => {
      const outcomes = await sound.put(batch, nowSeconds)
      await sound.remove(idsOfKind(batch, 5))
      return outcomes
    },
  }),
  'decides a batch as if expiry were a second later': (sound) => ({
    put: (batch, nowSeconds) => sound.put(batch, nowSeconds - 1),
  }),
  'shows events for one second too long': (sound) => ({
    query: (filters, nowSeconds, audience) => sound.query(filters, nowSeconds - 1, audience),
  }),
  'counts within the limit': (sound) => ({
    count: async (filters, nowSeconds, audience) => {
      const page = await sound.query(filters, nowSeconds, audience).next(1_000)
      return page.count
    },
  }),
  'drops the second filter': (sound) => ({
    query: (filters, nowSeconds, audience) => sound.query(filters.slice(0, 1), nowSeconds, audience),
  }),
  'takes the last second of until for the first it leaves out': (sound) => ({
    query: (filters, nowSeconds, audience) =>
      sound.query(
        filters.map(({ until, ...rest }) => (until === undefined ? rest : { ...rest, until: until - 1 })),
        nowSeconds,
        audience,
      ),
  }),
  'applies the smallest limit to all filters': (sound) => ({
    query: (filters, nowSeconds, audience) => {
      const limits = filters.flatMap(({ limit }) => limit ?? [])
      if (limits.length === 0) return sound.query(filters, nowSeconds, audience)
      return sound.query(
        filters.map((filter) => ({ ...filter, limit: Math.min(...limits) })),
        nowSeconds,
        audience,
      )
    },
  }),
  'reads what was stored after the query was opened': (sound) => ({
    query: (filters, nowSeconds, audience) => openedLate(() => sound.query(filters, nowSeconds, audience)),
  }),
  'shows everybody everything': (sound) => ({
    query: (filters, nowSeconds) => sound.query(filters, nowSeconds),
  }),
  'counts what the reader may not see': (sound) => ({
    count: (filters, nowSeconds) => sound.count(filters, nowSeconds),
  }),
  'lets the author of a hidden kind see it': (sound) => ({
    query: (filters, nowSeconds, audience) =>
      sound.query(
        filters,
        nowSeconds,
        audience && {
          ...audience,
          hiddenKinds: [],
          authorOnlyKinds: [...audience.authorOnlyKinds, ...audience.hiddenKinds],
        },
      ),
  }),
  'forgets every request to vanish after carrying it out': (sound) => ({
    put: async (batch, nowSeconds) => {
      const outcomes = await sound.put(batch, nowSeconds)
      await sound.remove(idsOfKind(batch, 62))
      return outcomes
    },
  }),
  'reads registers one byte late': (sound) => ({
    sketch: (filter, offset, nowSeconds, audience) => sound.sketch(filter, offset + 1, nowSeconds, audience),
  }),
  'gives one id more than was asked for': (sound) => ({
    idSet: (filter, maxIds, nowSeconds, audience) => sound.idSet(filter, maxIds + 1, nowSeconds, audience),
  }),
  'sweeps nothing': () => ({ sweepExpired: async () => 0 }),
  'never removes': () => ({ remove: async () => 0 }),
  'knows every id': () => ({ has: () => true }),
  'gives every event the same seq': (sound) => ({
    put: async (batch, nowSeconds) => {
      const outcomes = await sound.put(batch, nowSeconds)
      return outcomes.map((outcome) => (outcome.status === 'stored' ? { ...outcome, seq: 1 } : outcome))
    },
  }),
}

for (const [fault, plant] of Object.entries(faults)) {
  test(`an engine that ${fault} is found out, and the failure can be repeated`, async () => {
    const makeFaulty: MakeStore = async () => {
      const sound = createMemoryStore()
      return subjectOf({ ...portOf(sound), ...plant(sound) })
    }
    const verdict = assertEnginesAgreeOnRandomStreams(makeSound, makeFaulty, { runs: RUNS })
    await expect(verdict).rejects.toThrow(/seed: -?\d+, path: "[\d:]+"/)
  })
}

/** Opened again, it knows nothing. */
const makeForgetful: MakeStore = async () => ({
  ...(await makeSound()),
  reopen: async () => createMemoryStore(),
})

test('a failure names the step and both answers', async () => {
  const operations: readonly StoreOperation[] = [
    { do: 'put', events: [testEvent()] },
    { do: 'reopen' },
    { do: 'count', filters: [{}] },
  ]
  const verdict = assertEnginesAgree(makeSound, makeForgetful, operations)
  await expect(verdict).rejects.toThrow('step 2 (count): the engines differ\n  expected 1\n       got 0')
})

test('a failure on a random stream lists the shrunk stream, with short names for events and authors', async () => {
  const verdict = assertEnginesAgreeOnRandomStreams(makeSound, makeForgetful, { runs: RUNS })
  await expect(verdict).rejects.toThrow(
    /Counterexample: \[\n +0\. \{"do":[\s\S]*"id":"#\d+","pubkey":"(alice|bob|carol)"/,
  )
})

function subjectOf(store: EventStore) {
  return { store, dispose: () => store.close() }
}

/** The port's methods as own members, so that a fault can be spread over them. */
function portOf(store: EventStore): EventStore {
  return {
    put: (batch, nowSeconds) => store.put(batch, nowSeconds),
    has: (id) => store.has(id),
    query: (filters, nowSeconds, audience) => store.query(filters, nowSeconds, audience),
    count: (filters, nowSeconds, audience) => store.count(filters, nowSeconds, audience),
    sketch: (filter, offset, nowSeconds, audience) => store.sketch(filter, offset, nowSeconds, audience),
    idSet: (filter, maxIds, nowSeconds, audience) => store.idSet(filter, maxIds, nowSeconds, audience),
    remove: (ids) => store.remove(ids),
    sweepExpired: (nowSeconds) => store.sweepExpired(nowSeconds),
    stats: () => store.stats(),
    close: () => store.close(),
  }
}

function openedLate(open: () => EventCursor): EventCursor {
  let cursor: EventCursor | undefined
  return {
    next: (maxEvents) => {
      cursor ??= open()
      return cursor.next(maxEvents)
    },
  }
}

function idsOfKind(batch: readonly Uint8Array[], kind: number): string[] {
  const events: readonly NostrEvent[] = batch.map((bytes) => JSON.parse(Buffer.from(bytes).toString()))
  return events.filter((event) => event.kind === kind).map(({ id }) => id)
}
