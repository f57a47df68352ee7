import { expect, test } from 'vitest'
import { AUTHOR_ONLY_KINDS, PRIVATE_KINDS, WRAPPED_ONLY_KINDS } from './nip59.ts'

test('direct messages and gift wraps are guarded, drafts are their author’s alone', () => {
  expect(PRIVATE_KINDS).toEqual([4, 1059, 21059])
  expect(AUTHOR_ONLY_KINDS).toEqual([1234, 10013, 31234])
})

test('no kind stands in two of the lists', () => {
  const all = [...PRIVATE_KINDS, ...AUTHOR_ONLY_KINDS, ...WRAPPED_ONLY_KINDS]
  expect(new Set(all).size).toBe(all.length)
})
