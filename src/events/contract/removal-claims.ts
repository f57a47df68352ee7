import { expect } from 'vitest'
import { alice, NOW_SECONDS, testEvent } from '../testing/index.ts'
import type { Claim } from './claim.ts'

export function removalClaims(claim: Claim): void {
  claim('remove takes events away and says how many were there', async ({ store, put, find, count }) => {
    const [first, second, third] = ['a', 'b', 'c'].map((content) =>
      testEvent({ content, tags: [['t', 'x']] }),
    )
    await put([first!, second!, third!])
    const unknown = testEvent({ content: 'unknown' }).id
    expect(await store.remove([first!.id, unknown, first!.id, third!.id])).toBe(2)
    expect(await store.remove([first!.id])).toBe(0)
    expect(await store.remove([])).toBe(0)
    expect(await find({ tags: [{ name: 't', values: ['x'] }] })).toEqual([second?.id])
    expect(await count({})).toBe(1)
    expect(await store.has(first!.id)).toBe(false)
    expect(store.stats().events).toBe(1)
  })

  claim(
    'an event that was removed may be stored again: refusing it is a policy',
    async ({ store, put, find }) => {
      const note = testEvent()
      await put([note])
      await store.remove([note.id])
      expect(await put([note, note])).toEqual(['stored', 'duplicate'])
      expect(await find({})).toEqual([note.id])
    },
  )

  claim('removing a version leaves its address empty', async ({ store, put, find }) => {
    const [older, newer] = [-1, 0].map((offset) =>
      testEvent({ kind: 30_023, created_at: NOW_SECONDS + offset }),
    )
    await put([older!, newer!])
    await store.remove([newer!.id])
    expect(await find({})).toEqual([])
    expect(await put([older!])).toEqual(['stored'])
  })

  claim('a deletion that was removed is no longer heard', async ({ store, put }) => {
    const note = testEvent()
    const version = testEvent({ kind: 30_023 })
    const request = testEvent({
      kind: 5,
      tags: [
        ['e', note.id],
        ['a', `30023:${alice}:`],
      ],
    })
    await put([request])
    expect(await put([note, version])).toEqual(['deleted', 'deleted'])
    await store.remove([request.id])
    expect(await put([note, version])).toEqual(['stored', 'stored'])
  })

  claim('removing does not lower seq', async ({ store, put }) => {
    const notes = ['a', 'b'].map((content) => testEvent({ content }))
    await put(notes)
    const { lastSeq } = store.stats()
    await store.remove(notes.map(({ id }) => id))
    expect(store.stats().lastSeq).toBe(lastSeq)
  })
}
