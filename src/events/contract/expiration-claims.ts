import { expect } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { alice, NOW_SECONDS, testEvent } from '../testing/index.ts'
import type { Claim } from './claim.ts'

const expiring = (atSeconds: number, fields: Partial<NostrEvent> = {}) =>
  testEvent({ ...fields, tags: [['expiration', String(atSeconds)], ...(fields.tags ?? [])] })

export function expirationClaims(claim: Claim): void {
  claim(
    'an event that has expired is refused, from its very second on (X-01)',
    async ({ store, put, find }) => {
      const events = [0, NOW_SECONDS - 1, NOW_SECONDS, NOW_SECONDS + 1].map((atSeconds) =>
        expiring(atSeconds),
      )
      expect(await put(events)).toEqual(['expired', 'expired', 'expired', 'stored'])
      expect(await find({})).toEqual([events.at(-1)?.id])
      expect(store.stats().events).toBe(1)
    },
  )

  claim('an event is visible until its second comes, then no more (X-02)', async ({ put, find, count }) => {
    const note = expiring(NOW_SECONDS + 2, { tags: [['t', 'x']] })
    await put([note])
    for (const filter of [
      {},
      { ids: [note.id] },
      { authors: [alice] },
      { tags: [{ name: 't', values: ['x'] }] },
    ]) {
      expect(await find(filter, NOW_SECONDS + 1)).toEqual([note.id])
      expect(await count(filter, NOW_SECONDS + 1)).toBe(1)
      expect(await find(filter, NOW_SECONDS + 2)).toEqual([])
      expect(await count(filter, NOW_SECONDS + 2)).toBe(0)
    }
  })

  claim('a sweep removes what has expired and nothing else (X-03)', async ({ store, put, find }) => {
    const [first, second, third] = [1, 2, 3].map((seconds) => expiring(NOW_SECONDS + seconds))
    const lasting = testEvent({ created_at: 0 })
    await put([first!, second!, third!, lasting])
    expect(await store.has(first!.id)).toBe(true)
    expect(await store.sweepExpired(NOW_SECONDS)).toBe(0)
    expect(await store.sweepExpired(NOW_SECONDS + 2)).toBe(2)
    expect(await store.sweepExpired(NOW_SECONDS + 2)).toBe(0)
    expect(await store.has(first!.id)).toBe(false)
    expect(await find({})).toEqual([third!.id, lasting.id])
    expect(store.stats().events).toBe(2)
  })

  claim('until the sweep an expired event is stored, though nobody finds it', async ({ store, put }) => {
    const note = expiring(NOW_SECONDS + 1)
    await put([note])
    expect(await put([testEvent()], NOW_SECONDS + 5)).toEqual(['stored'])
    expect(await store.has(note.id)).toBe(true)
    expect(store.stats().events).toBe(2)
  })

  claim('an expiration beyond the end of the 32-bit calendar is kept', async ({ store, put, find }) => {
    const note = expiring(2 ** 33)
    expect(await put([note])).toEqual(['stored'])
    expect(await store.sweepExpired(2 ** 33 - 1)).toBe(0)
    expect(await find({}, 2 ** 33 - 1)).toEqual([note.id])
    expect(await store.sweepExpired(2 ** 33)).toBe(1)
  })

  claim('an ephemeral event is not stored, whatever its expiration (X-04)', async ({ put, find }) => {
    expect(await put([expiring(NOW_SECONDS + 9, { kind: 20_001 })])).toEqual(['ephemeral'])
    expect(await find({})).toEqual([])
  })

  claim('an expiration that is no number of seconds never comes (X-05)', async ({ store, put, find }) => {
    const values = ['', ' ', 'soon', '-1', '1.5', '1e3', '0x10', '+1', '1700000000 ', '99999999999999999999']
    const notes = [...values.map((value) => ['expiration', value]), ['expiration']].map((tag) =>
      testEvent({ tags: [tag] }),
    )
    expect(new Set(await put(notes))).toEqual(new Set(['stored']))
    expect(await store.sweepExpired(2 ** 40)).toBe(0)
    expect(await find({}, 2 ** 40)).toHaveLength(notes.length)
  })

  claim('of two expirations the first counts (X-06)', async ({ put, find }) => {
    const [early, late] = [
      ['expiration', `${NOW_SECONDS + 1}`],
      ['expiration', `${NOW_SECONDS + 9}`],
    ] as const
    const notes = [
      testEvent({ tags: [early, late] }),
      testEvent({ tags: [late, early] }),
      testEvent({ tags: [['expiration', 'soon'], early] }),
    ]
    await put(notes)
    const found = await find({}, NOW_SECONDS + 5)
    expect(new Set(found)).toEqual(new Set([notes[1]?.id, notes[2]?.id]))
  })

  claim('when the newest version expires, no older one reappears (X-07)', async ({ store, put, find }) => {
    const older = testEvent({ kind: 10_002, created_at: NOW_SECONDS - 1 })
    const newest = expiring(NOW_SECONDS + 1, { kind: 10_002 })
    await put([older, newest])
    expect(await find({}, NOW_SECONDS + 1)).toEqual([])
    expect(await put([older], NOW_SECONDS + 1)).toEqual(['superseded'])
    await store.sweepExpired(NOW_SECONDS + 1)
    expect(await find({}, NOW_SECONDS + 1)).toEqual([])
    expect(await store.has(older.id)).toBe(false)
  })

  claim('a newer version takes the place of an expired one', async ({ store, put, find }) => {
    const expired = expiring(NOW_SECONDS + 1, { kind: 10_002 })
    const newer = testEvent({ kind: 10_002, created_at: NOW_SECONDS + 1 })
    await put([expired])
    expect(await put([newer], NOW_SECONDS + 5)).toEqual(['stored'])
    expect(await find({}, NOW_SECONDS + 5)).toEqual([newer.id])
    expect(store.stats().events).toBe(1)
    expect(await store.sweepExpired(NOW_SECONDS + 5)).toBe(0)
  })

  claim(
    'an expired event that is sent again is refused, before and after the sweep (X-08)',
    async ({ store, put }) => {
      const note = expiring(NOW_SECONDS + 1)
      expect(await put([note, note])).toEqual(['stored', 'duplicate'])
      expect(await put([note], NOW_SECONDS + 1)).toEqual(['expired'])
      await store.sweepExpired(NOW_SECONDS + 1)
      expect(await put([note], NOW_SECONDS + 1)).toEqual(['expired'])
    },
  )

  claim('an event deleted before it expires is not swept again', async ({ store, put }) => {
    const note = expiring(NOW_SECONDS + 1)
    await put([note, testEvent({ kind: 5, tags: [['e', note.id]] })])
    expect(await store.sweepExpired(NOW_SECONDS + 9)).toBe(0)
  })

  claim('expired events do not use up a limit', async ({ put, find }) => {
    const expired = [8, 9].map((seconds) => expiring(NOW_SECONDS + 1, { created_at: NOW_SECONDS + seconds }))
    const lasting = [1, 2, 3].map((seconds) => testEvent({ created_at: NOW_SECONDS - seconds }))
    await put([...expired, ...lasting])
    expect(await find({ limit: 2 }, NOW_SECONDS + 1)).toEqual([lasting[0]?.id, lasting[1]?.id])
    expect(await find({ kinds: [1], limit: 2 }, NOW_SECONDS + 1)).toEqual([lasting[0]?.id, lasting[1]?.id])
  })
}
