import { expect } from 'vitest'
import { type Claim, FUNDS, wallet } from './claim.ts'

export function paymentClaims(claim: Claim): void {
  claim(
    'paysDirectly',
    'what is owed above the threshold is paid down to the target, once',
    async (nodes) => {
      const { alice, bob, quiet } = nodes
      alice.terms.target = 200n
      await alice.owe(-1_000n)
      await bob.owe(1_000n)
      await quiet()
      expect(await wallet(bob)).toBe(FUNDS)
      await alice.owe(-500n)
      await bob.owe(500n)
      await quiet()
      expect(await alice.balance()).toBe(-200n)
      expect(await bob.balance()).toBe(200n)
      expect(await wallet(bob)).toBe(FUNDS + 1_300n)
      expect(alice.booked).toEqual([1_300n])
      expect(bob.booked).toEqual([-1_300n])
    },
  )

  claim(
    'paysDirectly',
    'a payment is not seen before it is final, and then it is seen once',
    async (nodes) => {
      const { alice, bob, network } = nodes
      expect(await alice.settlement.settle('peer/bob', 700n)).toMatchObject({ ok: true })
      await alice.settlement.flush()
      await bob.settlement.flush()
      expect(bob.booked).toEqual([])
      await network.finalise()
      for (let round = 0; round < 3; round++) {
        bob.restart()
        await bob.settlement.flush()
      }
      expect(bob.booked).toEqual([-700n])
      expect(await bob.balance()).toBe(-700n)
    },
  )

  claim(
    'paysDirectly',
    'payments on one rail at one time come in one by one, each as it was sent',
    async (nodes) => {
      const { alice, bob, quiet } = nodes
      for (const amount of [10n, 20n, 30n]) {
        expect(await alice.settlement.settle('peer/bob', amount)).toMatchObject({ ok: true })
        expect(await alice.settlement.settle('peer/bob', amount)).toMatchObject({
          ok: false,
          refusal: { code: 'UNDER_WAY' },
        })
        await quiet()
      }
      expect(bob.booked).toEqual([-10n, -20n, -30n])
    },
  )

  claim('paysDirectly', 'a payment that cannot be made is booked back', async (nodes) => {
    const { alice, bob, quiet } = nodes
    expect(await alice.settlement.settle('peer/bob', FUNDS * 2n)).toMatchObject({ ok: true })
    await quiet()
    const [order] = await alice.settlement.orders()
    expect(order).toMatchObject({ state: 'failed' })
    expect(alice.booked).toEqual([FUNDS * 2n, -FUNDS * 2n])
    expect(await alice.balance()).toBe(0n)
    expect(await wallet(bob)).toBe(FUNDS)
  })

  claim('paysDirectly', 'a block that never was takes no payment with it', async (nodes) => {
    const { alice, bob, network, quiet } = nodes
    if (network.undoLastBlock === undefined) return
    await alice.settlement.settle('peer/bob', 700n)
    await alice.settlement.flush()
    await network.oneBlock()
    await bob.settlement.flush()
    await network.undoLastBlock()
    await bob.settlement.flush()
    expect(bob.booked).toEqual([])
    await quiet()
    expect(bob.booked).toEqual([-700n])
    expect(await wallet(bob)).toBe(FUNDS + 700n)
  })
}
