import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Asset } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import { type Booking, bookingsOf, Netting, transferOf } from './bookings.ts'

const account = fc.constantFrom<AccountId>(
  { path: 'assets/peer/a', asset: 'msat' },
  { path: 'assets/peer/b', asset: 'msat' },
  { path: 'assets/peer/c', asset: 'drop' },
  { path: 'assets/peer/d', asset: 'usdc' },
  { path: 'liabilities/credit/e', asset: 'msat' },
)

const packet = fc
  .record({
    from: account,
    to: account,
    incomingAmount: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    outgoing: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    marginPercent: fc.bigInt({ min: 0n, max: 100n }),
  })
  .map(({ from, to, incomingAmount, outgoing, marginPercent }) => ({
    from,
    to,
    incomingAmount,
    outgoingAmount: from.asset === to.asset ? (incomingAmount * marginPercent) / 100n : outgoing,
    marginAmount: (incomingAmount * marginPercent) / 100n,
  }))

/** What each account was debited, less what it was credited. */
function effectOf(bookings: readonly Booking[]): ReadonlyMap<string, bigint> {
  const effect = new Map<string, bigint>()
  const add = ({ asset, path }: AccountId, amount: bigint) =>
    effect.set(`${asset} ${path}`, (effect.get(`${asset} ${path}`) ?? 0n) + amount)
  for (const { debit, credit, amount } of bookings) {
    add(debit, amount)
    add(credit, -amount)
  }
  return new Map([...effect].filter(([, amount]) => amount !== 0n))
}

function net(bookings: readonly Booking[]): readonly Booking[] {
  const netting = new Netting()
  for (const booking of bookings) netting.add(booking)
  return netting.bookings()
}

test('netted bookings do to each account what the single ones do, with one booking for a pair of accounts', () => {
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 60 }), (packets) => {
      const single = packets.flatMap(bookingsOf)
      const netted = net(single)
      expect(effectOf(netted)).toEqual(effectOf(single))
      const pairs = netted.map(({ debit, credit }) =>
        [debit, credit]
          .map(({ asset, path }) => `${asset} ${path}`)
          .toSorted()
          .join(),
      )
      expect(new Set(pairs).size).toBe(pairs.length)
    }),
  )
})

test('every transfer is positive and of one asset, and a packet moves its amounts and nothing else', () => {
  fc.assert(
    fc.property(packet, (amounts) => {
      const bookings = net(bookingsOf(amounts))
      for (const booking of bookings) {
        const [debit, credit] = transferOf(booking, 'k').entries
        expect(debit?.asset).toBe(credit?.asset)
        expect(debit?.amount).toBe(credit?.amount)
        expect(booking.amount).toBeGreaterThan(0n)
      }
      const { from, to, incomingAmount, outgoingAmount } = amounts
      if (from === to) return
      const effect = effectOf(bookings)
      expect(effect.get(`${from.asset} ${from.path}`) ?? 0n).toBe(incomingAmount)
      expect(effect.get(`${to.asset} ${to.path}`) ?? 0n).toBe(-outgoingAmount)
      const sums = new Map<Asset, bigint>()
      for (const [key, amount] of effect) {
        const asset = key.split(' ')[0] as Asset
        sums.set(asset, (sums.get(asset) ?? 0n) + amount)
      }
      expect([...sums.values()].every((sum) => sum === 0n)).toBe(true)
    }),
  )
})

test('a packet of one asset that would become larger cannot be booked', () => {
  const from: AccountId = { path: 'assets/peer/a', asset: 'msat' }
  const to: AccountId = { path: 'assets/peer/b', asset: 'msat' }
  expect(() => bookingsOf({ from, to, incomingAmount: 1n, outgoingAmount: 2n })).toThrow('larger')
})
