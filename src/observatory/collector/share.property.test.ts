import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ownerOf, shareOf } from './share.ts'

const members = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 8 })
const urls = fc.array(fc.webUrl(), { minLength: 1, maxLength: 40 })

test('every relay is the share of exactly one member, in whatever order they are named', () => {
  fc.assert(
    fc.property(members, urls, (all, relays) => {
      for (const url of relays) {
        expect(all.filter((self) => shareOf(url, all, self))).toHaveLength(1)
        expect(ownerOf(url, all.toReversed())).toBe(ownerOf(url, all))
      }
    }),
  )
})

test('a member that leaves moves its own relays only, and one that comes takes without moving any among the others', () => {
  fc.assert(
    fc.property(members, urls, (all, relays) => {
      const [leaver, ...others] = all
      for (const url of relays) {
        const before = ownerOf(url, all)
        if (before !== leaver) expect(ownerOf(url, others)).toBe(before)
      }
    }),
  )
})

test('two members get about half of a thousand relays each', () => {
  const relays = Array.from({ length: 1_000 }, (_, index) => `wss://relay${index}.example.org`)
  const first = relays.filter((url) => shareOf(url, ['a', 'b'], 'a')).length
  expect(first).toBeGreaterThan(400)
  expect(first).toBeLessThan(600)
})

test('without members everything is ours', () => {
  expect(shareOf('wss://relay.example.org', [], 'a')).toBe(true)
})
