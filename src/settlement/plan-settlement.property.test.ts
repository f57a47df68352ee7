import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planSettlement } from './plan-settlement.ts'

const amount = fc.bigInt(0n, 10n ** 24n)
const least = (a: bigint, b: bigint) => [a, b].toSorted((x, y) => Number(x > y) - Number(x < y))[0] ?? a

test('it pays only above the threshold, never more than what is owed above the target, and leaves less than one step', () => {
  const need = fc.record({
    balance: fc.bigInt(-(10n ** 24n), 10n ** 24n),
    threshold: amount,
    target: amount,
    granularity: fc.bigInt(1n, 10_000n),
    maxAmount: amount,
  })
  fc.assert(
    fc.property(need, (given) => {
      // `target` is not above `threshold`.
      const target = least(given.target, given.threshold)
      const due = planSettlement({ ...given, target })
      const owed = -given.balance
      expect(due % given.granularity).toBe(0n)
      expect(due).toBeLessThanOrEqual(given.maxAmount)
      if (owed <= given.threshold) expect(due).toBe(0n)
      else {
        const wanted = least(owed - target, given.maxAmount)
        expect(wanted - due).toBeGreaterThanOrEqual(0n)
        expect(wanted - due).toBeLessThan(given.granularity)
      }
    }),
  )
})
