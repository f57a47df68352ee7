import { expect } from 'vitest'
import type { EventCursor } from '../store.ts'
import { alice, drain, idIn, NOW_SECONDS, testEvent, textsOn } from '../testing/index.ts'
import { type Claim, idsOf } from './claim.ts'

const notes = Array.from({ length: 40 }, (_, n) =>
  testEvent({ created_at: NOW_SECONDS - (n >> 2), content: `${n}`, tags: [['t', 'x']] }),
)

export function cursorClaims(claim: Claim): void {
  claim('pages of any size add up to the same result', async ({ store, put, find }) => {
    await put(notes)
    for (const filters of [
      [{}],
      [{ authors: [alice], limit: 25 }],
      [{ limit: 3 }, { kinds: [1], limit: 30 }],
    ]) {
      const whole = await find(filters)
      for (const pageSizes of [[1], [2], [7], [40], [41], [1_000], [3, 1, 10]]) {
        const read = await restOf(store.query(filters, NOW_SECONDS), pageSizes)
        expect(read, `pages of ${pageSizes.join()}`).toEqual(whole)
      }
    }
  })

  claim('a query is opened without a limit on how many are open', async ({ store, put }) => {
    await put(notes)
    const cursors = Array.from({ length: 200 }, () => store.query([{ limit: 10 }], NOW_SECONDS))
    const firstPages = []
    for (const cursor of cursors) firstPages.push(await firstIds(cursor, 4))
    const rests = []
    for (const cursor of cursors) rests.push(await restOf(cursor))
    for (const [n, page] of firstPages.entries()) expect(new Set([...page, ...rests[n]!]).size).toBe(10)
  })

  claim('a cursor does not return what was stored after it was opened', async ({ store, put, find }) => {
    const old = notes.slice(20)
    await put(old)
    const before = await find({})
    const unread = store.query([{}], NOW_SECONDS)
    const begun = store.query([{}], NOW_SECONDS)
    const head = await firstIds(begun, 5)
    await put(notes.slice(0, 20))
    await put([testEvent({ created_at: 0 })])
    expect(await restOf(unread)).toEqual(before)
    expect([...head, ...(await restOf(begun))]).toEqual(before)
  })

  claim('what is removed while a cursor is open vanishes from it', async ({ store, put, find }) => {
    await put(notes)
    const before = await find({})
    const cursor = store.query([{ tags: [{ name: 't', values: ['x'] }] }], NOW_SECONDS)
    const head = await firstIds(cursor, 5)
    const gone = new Set(before.filter((_, n) => n % 2 === 0))
    await store.remove([...gone])
    const rest = await restOf(cursor)
    expect([...head, ...rest]).toEqual([...head, ...before.slice(head.length).filter((id) => !gone.has(id))])
  })

  claim(
    'a version replaced while a cursor is open vanishes, and its successor is not shown',
    async ({ store, put }) => {
      const [older, newer] = [-1, 0].map((offset) => testEvent({ kind: 0, created_at: NOW_SECONDS + offset }))
      const note = testEvent({ created_at: NOW_SECONDS - 2 })
      await put([older!, note])
      const cursor = store.query([{}], NOW_SECONDS)
      await put([newer!])
      expect(await restOf(cursor)).toEqual([note.id])
    },
  )

  claim('a deletion that comes while a cursor is open is obeyed at once', async ({ store, put }) => {
    const [kept, deleted] = [testEvent({ content: 'kept' }), testEvent({ content: 'deleted' })]
    await put([kept, deleted])
    const cursor = store.query([{ kinds: [1, 5] }], NOW_SECONDS)
    await put([testEvent({ kind: 5, tags: [['e', deleted.id]] })])
    expect(await restOf(cursor)).toEqual([kept.id])
  })

  claim('an event removed and stored again is new to an open cursor', async ({ store, put, find }) => {
    const [first, second, third] = [3, 2, 1].map((offset) => testEvent({ created_at: NOW_SECONDS + offset }))
    await put([first!, second!, third!])
    const [unread, begun] = [store.query([{}], NOW_SECONDS), store.query([{}], NOW_SECONDS)]
    expect(await firstIds(begun, 1)).toEqual([first!.id])
    await store.remove([second!.id])
    await put([second!])
    expect(await restOf(unread)).toEqual(idsOf(first!, third!))
    expect(await restOf(begun)).toEqual([third!.id])
    expect(await find({})).toEqual(idsOf(first!, second!, third!))
  })

  claim('a cursor judges expiry by the time it was opened with', async ({ store, put }) => {
    const note = testEvent({ tags: [['expiration', `${NOW_SECONDS + 5}`]] })
    await put([note])
    const [before, after] = [4, 5].map((seconds) => store.query([{}], NOW_SECONDS + seconds))
    expect(await restOf(after!)).toEqual([])
    expect(await restOf(before!)).toEqual([note.id])
  })
}

/** Reads until at least one page was not empty; the ids on it. */
async function firstIds(cursor: EventCursor, maxEvents: number): Promise<readonly string[]> {
  for (;;) {
    const page = await cursor.next(maxEvents)
    if (page.count > 0 || page.done) return textsOn(page).map(idIn)
  }
}

/** Reads a cursor to its end; the ids, in order. */
async function restOf(cursor: EventCursor, pageSizes: readonly number[] = [3]): Promise<readonly string[]> {
  return (await drain(cursor, pageSizes)).map(idIn)
}
