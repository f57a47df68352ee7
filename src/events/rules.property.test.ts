import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addressOf,
  deletionTargets,
  isEphemeral,
  isExpired,
  KINDS,
  mayDelete,
  type NostrEvent,
} from '../nostr/index.ts'
import { createMemoryStore } from './memory/index.ts'
import { arbitraryPool, bytesOf, idsFound, NOW_SECONDS } from './testing/index.ts'

/**
 * What should be left of a set of events, said without any order of arrival: those that no request to vanish and no
 * deletion of the set reaches, and of each address only the best.
 */
function survivorsOf(events: readonly NostrEvent[]): readonly NostrEvent[] {
  const storable = events.filter(isStorable)
  const present = storable.filter((event) => !storable.some((other) => takesAlong(other, event)))
  const undeleted = present.filter((event) => !present.some((other) => deletes(other, event)))
  return undeleted.filter((event) => !undeleted.some((other) => replaces(other, event)))
}

function isStorable(event: NostrEvent): boolean {
  return !isEphemeral(event.kind) && !isExpired(event, NOW_SECONDS)
}

/** Does this request to vanish reach the event? */
function takesAlong(request: NostrEvent, event: NostrEvent): boolean {
  if (request.kind !== KINDS.VANISH || request.id === event.id) return false
  const isTheirs =
    request.pubkey === event.pubkey || (event.kind === KINDS.GIFT_WRAP && isSentTo(request.pubkey, event))
  return isTheirs && event.created_at <= request.created_at
}

function isSentTo(pubkey: string, { tags }: NostrEvent): boolean {
  return tags.some(([name, value]) => name === 'p' && value === pubkey)
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

/**
 * Vanishing makes the order matter by design in two ways. Of two requests of one second the first to come stays. And a
 * deletion that vanishes is heard while it is there, and it may reach further than the request: an id at any time, a
 * gift wrap by anybody.
 */
function dependsOnVanishing(event: NostrEvent, pool: readonly NostrEvent[]): boolean {
  const requests = pool.filter(
    (other) => isStorable(other) && other.kind === KINDS.VANISH && other.id !== event.id,
  )
  const isTaken = requests.some((request) => takesAlong(request, event))
  switch (event.kind) {
    case KINDS.VANISH:
      return requests.some(
        ({ pubkey, created_at }) => pubkey === event.pubkey && created_at === event.created_at,
      )
    case KINDS.DELETION:
      return isTaken && deletionTargets(event).ids.length > 0
    default:
      return false
  }
}

const events = arbitraryPool().map((pool) => {
  const settled = pool.filter((event) => !namesVersionById(event, pool))
  return settled.filter((event) => !dependsOnVanishing(event, settled))
})

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
