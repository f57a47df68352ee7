import { expect } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { alice, bob, NOW_SECONDS, pairsIn, testEvent } from '../testing/index.ts'
import { type Claim, idsOf } from './claim.ts'

/** Forty notes, several in each second, by two authors. */
const notes = Array.from({ length: 40 }, (_, n) =>
  testEvent({ created_at: NOW_SECONDS - (n % 7), content: `${n}`, pubkey: n % 3 === 0 ? bob : alice }),
)

/** In the order of NIP-77, said plainly. */
function inOrder(events: readonly NostrEvent[]) {
  return events
    .toSorted((a, b) => a.created_at - b.created_at || Buffer.compare(bytesOfId(a), bytesOfId(b)))
    .map(({ created_at, id }) => [created_at, id])
}

function bytesOfId({ id }: NostrEvent): Buffer {
  return Buffer.from(id, 'hex')
}

export function idSetClaims(claim: Claim): void {
  claim('an empty answer is an empty set', async ({ store }) => {
    expect(pairsIn(await store.idSet({}, 0, NOW_SECONDS))).toEqual([])
  })

  claim(
    'all matches come, oldest first, lowest id first within a second (NIP-77)',
    async ({ store, put }) => {
      await put(notes)
      expect(pairsIn(await store.idSet({}, 1_000, NOW_SECONDS))).toEqual(inOrder(notes))
      const own = notes.filter(({ pubkey }) => pubkey === bob)
      expect(pairsIn(await store.idSet({ authors: [bob] }, 1_000, NOW_SECONDS))).toEqual(inOrder(own))
      const window = { since: NOW_SECONDS - 4, until: NOW_SECONDS - 2 }
      const within = notes.filter(
        ({ created_at }) => created_at >= window.since && created_at <= window.until,
      )
      expect(pairsIn(await store.idSet(window, 1_000, NOW_SECONDS))).toEqual(inOrder(within))
    },
  )

  claim('there is a set as long as there are not more than the maximum', async ({ store, put }) => {
    await put(notes)
    expect(pairsIn(await store.idSet({}, 40, NOW_SECONDS))).toHaveLength(40)
    expect(await store.idSet({}, 39, NOW_SECONDS)).toBeUndefined()
    expect(await store.idSet({}, 0, NOW_SECONDS)).toBeUndefined()
    expect(pairsIn(await store.idSet({ kinds: [7] }, 0, NOW_SECONDS))).toEqual([])
  })

  claim(
    'with a limit the newest come, and only those count towards the maximum',
    async ({ store, put, find }) => {
      await put(notes)
      const newest = new Set(await find({ limit: 10 }))
      const expected = inOrder(notes.filter(({ id }) => newest.has(id)))
      expect(pairsIn(await store.idSet({ limit: 10 }, 10, NOW_SECONDS))).toEqual(expected)
      expect(await store.idSet({ limit: 11 }, 10, NOW_SECONDS)).toBeUndefined()
      expect(pairsIn(await store.idSet({ limit: 0 }, 10, NOW_SECONDS))).toEqual([])
      expect(pairsIn(await store.idSet({ limit: 500 }, 40, NOW_SECONDS))).toHaveLength(40)
    },
  )

  claim('what is gone, expired or replaced is not in the set (N-13)', async ({ store, put }) => {
    const [kept, removed, deleted] = ['kept', 'removed', 'deleted'].map((content) => testEvent({ content }))
    const expiring = testEvent({ tags: [['expiration', `${NOW_SECONDS + 1}`]] })
    const [older, newer] = [-2, -1].map((offset) => testEvent({ kind: 0, created_at: NOW_SECONDS + offset }))
    const vanished = testEvent({ pubkey: bob })
    const deletion = testEvent({ kind: 5, tags: [['e', deleted!.id]] })
    const vanishing = testEvent({ kind: 62, pubkey: bob })
    await put([kept!, removed!, deleted!, expiring, older!, newer!, vanished, deletion, vanishing])
    await store.remove([removed!.id])
    const set = await store.idSet({}, 100, NOW_SECONDS + 1)
    expect(pairsIn(set)).toEqual(inOrder([kept!, newer!, deletion, vanishing]))
  })

  claim('a set of hundreds of one second is in order', async ({ store, put }) => {
    const many = Array.from({ length: 600 }, (_, n) => testEvent({ content: `${n}` }))
    await put(many)
    const set = await store.idSet({}, 600, NOW_SECONDS)
    expect(pairsIn(set)?.map(([, id]) => id)).toEqual(idsOf(...many).toSorted())
  })
}
