import { expect } from 'vitest'
import { alice, bob, NOW_SECONDS, testEvent } from '../testing/index.ts'
import { type Claim, idsOf } from './claim.ts'

export function batchClaims(claim: Claim): void {
  const deletionOf = (id: string, pubkey = alice) => testEvent({ kind: 5, pubkey, tags: [['e', id]] })

  claim('later events of a batch see the earlier ones', async ({ put, find }) => {
    const [older, newer] = [-1, 0].map((offset) => testEvent({ kind: 0, created_at: NOW_SECONDS + offset }))
    const note = testEvent()
    const request = deletionOf(note.id)
    const batch = [older!, newer!, older!, newer!, note, note, request, note, request]
    expect(await put(batch)).toEqual([
      'stored',
      'stored',
      'superseded',
      'duplicate',
      'stored',
      'duplicate',
      'stored',
      'deleted',
      'duplicate',
    ])
    expect(new Set(await find({}))).toEqual(new Set(idsOf(newer!, request)))
  })

  claim(
    'two versions and the deletion of their address in one batch, in every order',
    async ({ put, find }) => {
      const tags = [['d', 'a']]
      const first = testEvent({ kind: 30_023, tags, created_at: NOW_SECONDS - 1 })
      const second = testEvent({ kind: 30_023, tags, created_at: NOW_SECONDS })
      const request = testEvent({ kind: 5, tags: [['a', `30023:${alice}:a`]], created_at: NOW_SECONDS - 1 })
      for (const batch of permutationsOf([first, second, request])) {
        // A fresh author each time, so that the orders do not meet.
        const pubkey = batch
          .map(({ id }) => id.slice(0, 21))
          .join('')
          .padEnd(64, '0')
        const theirs = batch.map(({ id: _id, sig: _sig, ...event }) =>
          testEvent({ ...event, pubkey, tags: event.kind === 5 ? [['a', `30023:${pubkey}:a`]] : tags }),
        )
        await put(theirs)
        const survivor = theirs.find(({ kind, created_at }) => kind === 30_023 && created_at === NOW_SECONDS)
        expect(await find({ authors: [pubkey], kinds: [30_023] })).toEqual([survivor?.id])
      }
    },
  )

  claim(
    'fifty versions of one address in one batch leave the right one (K-19)',
    async ({ store, put, find }) => {
      const versions = Array.from({ length: 50 }, (_, n) =>
        testEvent({ kind: 30_000, created_at: NOW_SECONDS + ((n * 7) % 10), content: `${n}` }),
      )
      await put(versions)
      const newest = versions.filter(({ created_at }) => created_at === NOW_SECONDS + 9)
      expect(await find({})).toEqual([idsOf(...newest).toSorted()[0]])
      expect(store.stats().events).toBe(1)
    },
  )

  claim('batches handed in at once are decided one after the other', async ({ put, find }) => {
    const versions = Array.from({ length: 20 }, (_, n) =>
      testEvent({ kind: 10_000, created_at: NOW_SECONDS + ((n * 7) % 20) }),
    )
    const note = testEvent({ pubkey: bob })
    const outcomes = await Promise.all(versions.map((version) => put([version, note])))
    expect(outcomes.filter(([, ofNote]) => ofNote === 'stored')).toHaveLength(1)
    const newest = versions.find(({ created_at }) => created_at === NOW_SECONDS + 19)
    expect(await find({ kinds: [10_000] })).toEqual([newest?.id])
  })
}

function permutationsOf<T>(values: readonly T[]): readonly (readonly T[])[] {
  if (values.length < 2) return [values]
  return values.flatMap((value, index) =>
    permutationsOf(values.toSpliced(index, 1)).map((rest) => [value, ...rest]),
  )
}
