import { expect } from 'vitest'
import { alice, bob, carol, drain, NOW_SECONDS, testEvent } from '../testing/index.ts'
import { type Claim, idsOf } from './claim.ts'

export function durabilityClaims(claim: Claim): void {
  const notes = Array.from({ length: 30 }, (_, n) =>
    testEvent({
      created_at: NOW_SECONDS - (n % 4),
      content: `"${n}"\\😀`,
      tags: [
        ['t', `${n % 3}`],
        ['p', bob],
      ],
    }),
  )

  claim('everything stored is there again, byte for byte', async (bench) => {
    await bench.put(notes)
    const texts = await drain(bench.store.query([{}], NOW_SECONDS), [10])
    const again = await bench.reopen()
    expect(await drain(again.store.query([{}], NOW_SECONDS), [10])).toEqual(texts)
    expect(again.store.stats().events).toBe(notes.length)
    expect(await again.put(notes.slice(0, 2))).toEqual(['duplicate', 'duplicate'])
  })

  claim('every index answers as before', async (bench) => {
    const filters = [
      { ids: idsOf(...notes.slice(3, 7)) },
      { authors: [alice], kinds: [1] },
      { kinds: [1], since: NOW_SECONDS - 1 },
      { authors: [alice], limit: 5 },
      { tags: [{ name: 't', values: ['1'] }] },
      { tags: [{ name: 'p', values: [bob] }], until: NOW_SECONDS - 2 },
    ]
    await bench.put(notes)
    const before = await Promise.all(filters.map((filter) => bench.find(filter)))
    const again = await bench.reopen()
    expect(await Promise.all(filters.map((filter) => again.find(filter)))).toEqual(before)
    expect(before.every((ids) => ids.length > 0)).toBe(true)
  })

  claim('deletions are remembered and still kill what comes later', async (bench) => {
    const [note, version] = [testEvent(), testEvent({ kind: 30_023, tags: [['d', 'a']] })]
    const wrap = testEvent({ kind: 1059, pubkey: carol, tags: [['p', alice]] })
    const tags = [
      ['e', note.id],
      ['a', `30023:${alice}:a`],
      ['e', wrap.id],
    ]
    await bench.put([note, testEvent({ kind: 5, tags })])
    const again = await bench.reopen()
    expect(await again.put([note, version, wrap])).toEqual(['deleted', 'deleted', 'deleted'])
    expect(await again.find({ kinds: [1, 30_023, 1059] })).toEqual([])
  })

  claim('what stored events may not be killed by, and by whom, is remembered', async (bench) => {
    const own = testEvent()
    const foreign = testEvent({ pubkey: bob })
    const wrap = testEvent({ kind: 1059, pubkey: carol, tags: [['p', alice]] })
    await bench.put([own, foreign, wrap])
    const again = await bench.reopen()
    await again.put([testEvent({ kind: 5, tags: [own, foreign, wrap].map(({ id }) => ['e', id]) })])
    expect(await again.find({ kinds: [1, 1059] })).toEqual([foreign.id])
  })

  claim('what was replaced, deleted, swept or removed stays away', async (bench) => {
    const [older, newer] = [-1, 0].map((offset) => testEvent({ kind: 0, created_at: NOW_SECONDS + offset }))
    const [removed, deleted, kept] = ['removed', 'deleted', 'kept'].map((content) => testEvent({ content }))
    const expiring = testEvent({ tags: [['expiration', `${NOW_SECONDS + 1}`]] })
    const request = testEvent({ kind: 5, tags: [['e', deleted!.id]] })
    await bench.put([older!, newer!, removed!, deleted!, kept!, expiring, request])
    await bench.store.remove([removed!.id])
    await bench.store.sweepExpired(NOW_SECONDS + 1)
    const again = await bench.reopen()
    expect(new Set(await again.find({}))).toEqual(new Set(idsOf(newer!, kept!, request)))
    expect(again.store.stats().events).toBe(3)
    expect(await again.put([older!, removed!])).toEqual(['superseded', 'stored'])
  })

  claim('expirations are remembered', async (bench) => {
    const expiring = testEvent({ tags: [['expiration', `${NOW_SECONDS + 5}`]] })
    await bench.put([expiring])
    const again = await bench.reopen()
    expect(await again.find({}, NOW_SECONDS + 4)).toEqual([expiring.id])
    expect(await again.find({}, NOW_SECONDS + 5)).toEqual([])
    expect(await again.store.sweepExpired(NOW_SECONDS + 5)).toBe(1)
  })

  claim('seq goes on where it was, even when the newest events are gone', async (bench) => {
    await bench.put(notes)
    const { lastSeq } = bench.store.stats()
    await bench.store.remove(idsOf(...notes.slice(20)))
    const again = await bench.reopen()
    expect(again.store.stats().lastSeq).toBe(lastSeq)
    await again.put([testEvent({ content: 'next' })])
    expect(again.store.stats().lastSeq).toBe(lastSeq + 1)
  })

  claim('a store may be opened again many times', async (bench) => {
    let current = bench
    for (const [n, note] of notes.slice(0, 6).entries()) {
      await current.put([note])
      current = await current.reopen()
      expect(await current.count({})).toBe(n + 1)
    }
  })
}
