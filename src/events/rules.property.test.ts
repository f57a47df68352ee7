import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addressOf,
  deletionTargets,
  isEphemeral,
  isExpired,
  mayDelete,
  type NostrEvent,
} from '../nostr/index.ts'
import { createMemoryStore } from './memory/index.ts'
import { arbitraryPool, bytesOf, idsFound, NOW_SECONDS } from './testing/index.ts'

/**
 * What should be left of a set of events, said without any order of arrival: those that no deletion of the
 * set reaches, and of each address only the best.
 */
function survivorsOf(events: readonly NostrEvent[]): readonly NostrEvent[] {
  const storable = events.filter((event) => !isEphemeral(event.kind) && !isExpired(event, NOW_SECONDS))
  const undeleted = storable.filter((event) => !storable.some((other) => deletes(other, event)))
  return undeleted.filter((event) => !undeleted.some((other) => replaces(other, event)))
}

function deletes(deletion: NostrEvent, event: NostrEvent): boolean {
  if (!mayDelete(deletion, event)) return false
  const { ids, addresses } = deletionTargets(deletion)
  const address = addressOf(event)
  const isInTime = event.created_at <= deletion.created_at
  return ids.includes(event.id) || (address !== undefined && addresses.includes(address) && isInTime)
}

function replaces(other: NostrEvent, event: NostrEvent): boolean {
  if (addressOf(event) === undefined || addressOf(event) !== addressOf(other)) return false
  if (other.created_at !== event.created_at) return other.created_at > event.created_at
  return other.id < event.id
}

/**
 * Deleting the newest version by its id makes the order matter by design: an older version was turned away or
 * replaced if it came before the deletion, and is welcome after it. So these ids are not named here.
 */
function namesVersionById(deletion: NostrEvent, pool: readonly NostrEvent[]): boolean {
  const versions = pool.filter((event) => addressOf(event) !== undefined)
  return deletion.kind === 5 && versions.some(({ id }) => deletionTargets(deletion).ids.includes(id))
}

const events = arbitraryPool().map((pool) => pool.filter((event) => !namesVersionById(event, pool)))

test('what survives does not depend on the order of arrival, nor on how it is cut into batches', async () => {
  const arrivals = fc.tuple(events, fc.infiniteStream(fc.nat({ max: 99 })), fc.integer({ min: 1, max: 7 }))
  const law = fc.asyncProperty(arrivals, async ([pool, ranks, batchSize]) => {
    const arriving = pool
      .map((event) => ({ event, rank: ranks.next().value ?? 0 }))
      .toSorted((a, b) => a.rank - b.rank)
      .map(({ event }) => event)
    const store = createMemoryStore()
    for (let start = 0; start < arriving.length; start += batchSize) {
      await store.put(arriving.slice(start, start + batchSize).map(bytesOf), NOW_SECONDS)
    }
    const survivors = new Set(survivorsOf(pool).map(({ id }) => id))
    expect(new Set(await idsFound(store, [{}]))).toEqual(survivors)
  })
  await fc.assert(law, { numRuns: 500 })
})

test('putting everything a second time changes nothing', async () => {
  const law = fc.asyncProperty(arbitraryPool(), async (pool) => {
    const store = createMemoryStore()
    await store.put(pool.map(bytesOf), NOW_SECONDS)
    const before = await idsFound(store, [{}])
    // Deleting a newest version by id opens its address to older ones, so only what is there is sent again.
    const again = pool.filter(({ id }) => before.includes(id))
    const outcomes = await store.put(again.map(bytesOf), NOW_SECONDS)
    expect(outcomes.every(({ status }) => status === 'duplicate')).toBe(true)
    expect(await idsFound(store, [{}])).toEqual(before)
  })
  await fc.assert(law, { numRuns: 100 })
})
