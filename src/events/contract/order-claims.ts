import { expect } from 'vitest'
import type { Filter, NostrEvent } from '../../nostr/index.ts'
import { alice, bob, NOW_SECONDS, testEvent } from '../testing/index.ts'
import { type Claim, idsOf } from './claim.ts'

/** Sixty notes of seven seconds, put in an order that has nothing to do with their dates. */
const notes = Array.from({ length: 60 }, (_, n) =>
  testEvent({
    created_at: NOW_SECONDS - ((n * 5) % 7),
    pubkey: n % 2 === 0 ? alice : bob,
    tags: [['t', n % 3 === 0 ? 'x' : 'y']],
    content: `${n}`,
  }),
)

/**
 * Newest first, lowest id first within a second: spelled out here, so that the engines' own sorting is on
 * trial.
 */
const inOrder = (events: readonly NostrEvent[]) =>
  idsOf(
    ...events.toSorted((a, b) => {
      if (a.created_at !== b.created_at) return a.created_at > b.created_at ? -1 : 1
      return a.id < b.id ? -1 : 1
    }),
  )

/** One filter for each way an engine may look: by time, author, kind, both, tag, ids, and unions of them. */
const waysToLook: Readonly<Record<string, readonly Filter[]>> = {
  time: [{}],
  kind: [{ kinds: [1] }],
  author: [{ authors: [bob, alice] }],
  'author and kind': [{ authors: [alice, bob], kinds: [1, 7] }],
  'tag values': [{ tags: [{ name: 't', values: ['y', 'x'] }] }],
  ids: [{ ids: idsOf(...notes) }],
  'two filters': [{ authors: [alice] }, { authors: [bob] }],
}

export function orderClaims(claim: Claim): void {
  for (const [way, filters] of Object.entries(waysToLook)) {
    claim(`by ${way}: newest first, lowest id first within a second (F-21)`, async ({ put, find }) => {
      await put(notes)
      expect(await find(filters)).toEqual(inOrder(notes))
    })

    claim(
      `by ${way}: a limit keeps the first of that order, inside a second too (F-22)`,
      async ({ put, find }) => {
        await put(notes)
        for (const limit of [0, 1, 5, 9, 10, 33, 59, 60, 61, 1_000_000]) {
          const limited = filters.map((filter) => ({ ...filter, limit }))
          const expected = filters.flatMap((filter) => firstMatches(filter, limit))
          expect(await find(limited), `limit ${limit}`).toEqual(inOrder(expected))
        }
      },
    )
  }

  claim('dates at both ends of the calendar sort in between nothing else', async ({ put, find }) => {
    const dates = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 2, 2 ** 53 - 1]
    const events = dates.map((created_at) => testEvent({ created_at }))
    await put([4, 0, 8, 3, 7, 1, 5, 2, 6].map((n) => events[n]!))
    expect(await find({})).toEqual(inOrder(events))
    for (const [n, created_at] of dates.entries()) {
      expect(await find({ since: created_at, until: created_at })).toEqual([events[n]?.id])
      expect(await find({ since: created_at, authors: [alice] })).toEqual(inOrder(events.slice(n)))
      expect(await find({ until: created_at, kinds: [1] })).toEqual(inOrder(events.slice(0, n + 1)))
    }
  })

  claim('the order is the same whether events came at once or one by one', async ({ put, find }) => {
    for (const note of notes.slice(0, 20)) await put([note])
    expect(await find({})).toEqual(inOrder(notes.slice(0, 20)))
  })
}

/** The filters of `waysToLook` differ by author only. */
function firstMatches(filter: Filter, limit: number): readonly NostrEvent[] {
  const order = inOrder(notes)
  return notes
    .filter(({ pubkey }) => filter.authors?.includes(pubkey) ?? true)
    .toSorted((a, b) => order.indexOf(a.id) - order.indexOf(b.id))
    .slice(0, limit)
}
