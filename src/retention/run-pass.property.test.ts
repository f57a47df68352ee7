import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EventStore } from '../events/index.ts'
import { openLogStore } from '../events/log/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { alice, arbitraryPool, bob, drain, NOW_SECONDS, put } from '../events/testing/index.ts'
import type { NostrEvent } from '../nostr/index.ts'
import { parseRetention, type RetentionRules } from './rules.ts'
import { type PassOptions, runPass } from './run-pass.ts'
import { bytesOnDisk, remainingIds, remainingWithinCap } from './testing/plain-rules.ts'

const scope = fc.constantFrom('*', '1', '0-7', '1059', '30000-39999', '0-65535', alice, bob)
const limit = (name: string, max: number) =>
  fc.option(
    fc.integer({ min: 1, max }).map((n) => `${name}=${n}`),
    { nil: '' },
  )
const limits = fc
  .tuple(limit('hours', 2), limit('events', 6), limit('eventsPerKey', 4))
  .map((words) => words.filter((word) => word !== '').join(' '))
  .map((text) => (text === '' ? 'keep' : text))
const rule = fc.tuple(scope, limits).map(([who, what]) => `${who}: ${what}`)

const arbitraryRules: fc.Arbitrary<RetentionRules> = fc
  .record({
    rules: fc.array(rule, { maxLength: 4 }),
    keepKinds: fc.subarray([0, 5, 62, 10002, '30000-31000']),
  })
  .map((settings) => parseRetention({ ...settings, maxDiskBytes: 0, intervalSeconds: 60 }))

/** Some hours apart, so that ages make a difference: the pool itself is of a few seconds. */
const arbitraryEvents = fc
  .tuple(arbitraryPool(), fc.integer({ min: 0, max: 3 }))
  .map(([pool, hours]) => ({ pool, nowSeconds: NOW_SECONDS + hours * 3600 }))

type MakeStore = () => Promise<{ readonly store: EventStore; readonly dispose: () => Promise<void> }>

const inMemory: MakeStore = async () => {
  const store = createMemoryStore()
  return { store, dispose: () => store.close() }
}

const inLog: MakeStore = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-retention-'))
  const store = await openLogStore({ folder, segmentBytes: 6_000, maintenance: 'inline', search: false })
  return {
    store,
    dispose: async () => {
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Pages of at most so many events, so that few events make many steps. */
function inSmallPages(store: EventStore, maxEvents: number, diskBytes?: () => number): EventStore {
  return {
    put: (batch, nowSeconds) => store.put(batch, nowSeconds),
    has: (id) => store.has(id),
    query: (filters, nowSeconds) => {
      const cursor = store.query(filters, nowSeconds)
      return { next: (max) => cursor.next(Math.min(max, maxEvents)) }
    },
    count: (filters, nowSeconds) => store.count(filters, nowSeconds),
    sketch: (filter, offset, nowSeconds) => store.sketch(filter, offset, nowSeconds),
    idSet: (filter, maxIds, nowSeconds) => store.idSet(filter, maxIds, nowSeconds),
    remove: (ids) => store.remove(ids),
    sweepExpired: (nowSeconds) => store.sweepExpired(nowSeconds),
    stats: () => ({ ...store.stats(), ...(diskBytes && { diskBytes: diskBytes() }) }),
    close: () => store.close(),
  }
}

async function storedEvents(store: EventStore, nowSeconds: number): Promise<readonly NostrEvent[]> {
  return (await drain(store.query([{}], nowSeconds), [100])).map((text): NostrEvent => JSON.parse(text))
}

const idsOf = (events: readonly NostrEvent[]) => events.map(({ id }) => id).toSorted()

function pass(store: EventStore, rules: RetentionRules, nowSeconds: number, more: Partial<PassOptions> = {}) {
  const { signal } = new AbortController()
  return runPass({ store, rules, nowSeconds, signal, rest: async () => undefined, ...more })
}

for (const [name, make, numRuns] of [
  ['memory', inMemory, 150],
  ['the log', inLog, 40],
] as const) {
  test(`in ${name}, what remains is exactly what the rules say, however few authors are counted at a time`, async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryEvents,
        arbitraryRules,
        fc.integer({ min: 1, max: 3 }),
        async ({ pool, nowSeconds }, rules, maxCountedKeys) => {
          const { store, dispose } = await make()
          try {
            await put(store, pool)
            const expected = remainingIds(await storedEvents(store, nowSeconds), rules, nowSeconds)
            await pass(inSmallPages(store, 3), rules, nowSeconds, { maxCountedKeys })
            expect(idsOf(await storedEvents(store, nowSeconds))).toEqual(expected)
            const second = await pass(store, rules, nowSeconds)
            expect(second.removed.filter(({ events }) => events > 0)).toEqual([])
          } finally {
            await dispose()
          }
        },
      ),
      { numRuns },
    )
  })
}

test('a dry run changes nothing and reports what the pass then does', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryEvents, arbitraryRules, async ({ pool, nowSeconds }, rules) => {
      const store = createMemoryStore()
      await put(store, pool)
      const before = idsOf(await storedEvents(store, nowSeconds))
      const foreseen = await pass(inSmallPages(store, 3), rules, nowSeconds, { isDryRun: true })
      expect(idsOf(await storedEvents(store, nowSeconds))).toEqual(before)
      const { removed } = await pass(store, rules, nowSeconds)
      const sums = (list: typeof removed) =>
        list.map(({ reason, rule, events }) => `${reason} ${rule} ${events}`)
      expect(sums(foreseen.removed).toSorted()).toEqual(sums(removed).toSorted())
    }),
    { numRuns: 100 },
  )
})

test('a cap takes the oldest that nothing keeps, and no more than it has to', async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryEvents,
      arbitraryRules,
      fc.nat({ max: 6_000 }),
      async ({ pool, nowSeconds }, rules, max) => {
        const keepers = { ...rules, rules: rules.rules.filter(({ limits }) => limits === 'keep') }
        const store = createMemoryStore()
        await put(store, pool)
        const events = await storedEvents(store, nowSeconds)
        const diskBytes = events.reduce((sum, event) => sum + bytesOnDisk(event), 0)
        const capped = { ...keepers, maxDiskBytes: max + 1 }
        const report = await pass(
          inSmallPages(store, 3, () => diskBytes),
          capped,
          nowSeconds,
        )
        const expected = remainingWithinCap(events, capped, Math.max(0, diskBytes - max - 1))
        expect(idsOf(await storedEvents(store, nowSeconds))).toEqual(expected)
        const freed = report.removed.reduce((sum, { bytes }) => sum + bytes, 0)
        expect(report.excessBytes).toBe(Math.max(0, diskBytes - max - 1 - freed))
      },
    ),
    { numRuns: 100 },
  )
})
