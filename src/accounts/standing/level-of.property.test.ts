import fc from 'fast-check'
import { expect, test } from 'vitest'
import { changeBetween, type GivenLevel, type KeyFacts, levelOf } from './level-of.ts'

const NOW = 1_000

const anyFacts: fc.Arbitrary<KeyFacts> = fc
  .record({
    isMember: fc.boolean(),
    isTrusted: fc.boolean(),
    until: fc.option(fc.integer({ min: 0, max: 2 * NOW }), { nil: undefined }),
  })
  .map(({ until, ...facts }) => (until === undefined ? facts : { ...facts, subscribedUntilSeconds: until }))

/** The level that the relay sees: from its end on, a level is none. */
function seenAt(given: GivenLevel | undefined, nowSeconds: number): number {
  if (given === undefined) return 0
  const { level, expiresAtSeconds = Number.POSITIVE_INFINITY } = given
  return nowSeconds < expiresAtSeconds ? level : 0
}

test('a key never has less than one of its facts gives it, nor more than the best of them', () => {
  fc.assert(
    fc.property(anyFacts, fc.integer({ min: 0, max: 2 * NOW }), (facts, nowSeconds) => {
      const { isMember, isTrusted, subscribedUntilSeconds = 0 } = facts
      const worth = [isMember ? 2 : 0, subscribedUntilSeconds > nowSeconds ? 3 : 0, isTrusted ? 4 : 0]
      expect(seenAt(levelOf(facts, nowSeconds), nowSeconds)).toBe(Math.max(...worth))
    }),
  )
})

test('until somebody looks again, nobody falls below what the rest of the facts give', () => {
  fc.assert(
    fc.property(anyFacts, fc.nat(NOW), (facts, laterSeconds) => {
      const told = levelOf(facts, NOW)
      const later = NOW + laterSeconds
      expect(seenAt(told, later)).toBeGreaterThanOrEqual(seenAt(levelOf(facts, later), later))
    }),
  )
})

test('whoever is told the change knows the level', () => {
  fc.assert(
    fc.property(anyFacts, anyFacts, (before, after) => {
      const told = levelOf(before, NOW)
      const given = levelOf(after, NOW)
      const change = changeBetween('k', told, given)
      const known = change === undefined ? told : change.do === 'unset-level' ? undefined : change
      expect(known?.level).toBe(given?.level)
      expect(known?.expiresAtSeconds).toBe(given?.expiresAtSeconds)
    }),
  )
})
