import { expect, test } from 'vitest'
import type { Filter } from '../nostr/index.ts'
import { type AccessPath, MAX_AUTHOR_KIND_PAIRS, planAccess } from './planner.ts'

const alice = 'a'.repeat(64)
const bob = 'b'.repeat(64)
const noteId = '1'.repeat(64)

/** Expected scans as an index of a busy relay would state them. */
function estimate(path: AccessPath): number {
  switch (path.by) {
    case 'ids':
      return path.ids.length
    case 'tag':
      return path.values.length * (path.name === 'e' ? 8 : 5_000)
    case 'author-kind':
      return path.authors.length * path.kinds.length * 40
    case 'author':
      return path.authors.length * 100
    case 'kind':
      return path.kinds.length * 10_000
    case 'time':
      return 100_000
  }
}

const planned = (filter: Filter) => planAccess(filter, estimate)

test('a filter without conditions is read along time', () => {
  expect(planned({ limit: 10, since: 5 })).toEqual({ by: 'time' })
})

test('ids are read before anything less exact', () => {
  const filter = { ids: [noteId], authors: [alice], kinds: [1], tags: [{ name: 'e', values: [noteId] }] }
  expect(planned(filter)).toEqual({ by: 'ids', ids: [noteId] })
})

test('of two tag conditions the rarer one is read', () => {
  const replies = { name: 'e', values: [noteId] }
  expect(planned({ tags: [{ name: 't', values: ['nostr'] }, replies], kinds: [1] })).toEqual({
    by: 'tag',
    ...replies,
  })
})

test('a common tag yields to the author and kind beside it', () => {
  const filter = { authors: [alice, bob], kinds: [1], tags: [{ name: 't', values: ['nostr'] }] }
  expect(planned(filter)).toEqual({
    by: 'author-kind',
    authors: [alice, bob],
    kinds: [1],
  })
})

test('authors or kinds that stand alone are read by their own index', () => {
  expect(planned({ authors: [alice] })).toEqual({ by: 'author', authors: [alice] })
  expect(planned({ kinds: [7] })).toEqual({ by: 'kind', kinds: [7] })
})

test('the cross product of authors and kinds is bounded: one pair above it, the smaller single index is read', () => {
  const authors = Array.from({ length: MAX_AUTHOR_KIND_PAIRS / 2 }, (_, n) =>
    n.toString(16).padStart(64, '0'),
  )
  const kinds = [1, 6]
  expect(planAccess({ authors, kinds }, cheapPairs).by).toBe('author-kind')
  expect(planAccess({ authors: [...authors, alice], kinds }, cheapPairs).by).toBe('kind')
})

function cheapPairs(path: AccessPath): number {
  return path.by === 'author-kind' ? 1 : estimate(path)
}

test('an empty list is the cheapest path of all: it finds nothing without looking', () => {
  expect(planned({ authors: [alice], kinds: [] })).toEqual({
    by: 'author-kind',
    authors: [alice],
    kinds: [],
  })
})
