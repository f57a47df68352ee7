import { expect } from 'vitest'
import { paying } from '../testing/test-node.ts'
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
      expect(await alice.settlement.settle('peer/bob', paying(700n))).toMatchObject({ ok: true })
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
        expect(await alice.settlement.settle('peer/bob', paying(amount))).toMatchObject({ ok: true })
        expect(await alice.settlement.settle('peer/bob', paying(amount))).toMatchObject({
          ok: false,
          refusal: { code: 'UNDER_WAY' },
        })
        await quiet()
      }
      expect(bob.booked).toEqual([-10n, -20n, -30n])
    },
  )

  claim(
    'paysDirectly',
    'a call that is repeated by its key pays once and hears the same, before its end and after',
    async (nodes) => {
      const { alice, bob, quiet } = nodes
      const request = { key: 'the connection broke', amount: 700n }
      const calls = Array.from({ length: 5 }, () => alice.settlement.settle('peer/bob', request))
      const together = await Promise.all(calls)
      const first = await alice.settlement.settle('peer/bob', request)
      expect(first).toMatchObject({ ok: true, value: { by: 'order', amount: 700n } })
      for (const outcome of together) if (outcome.ok) expect(outcome).toEqual(first)
      await quiet()
      alice.restart()
      expect(await alice.settlement.settle('peer/bob', request)).toEqual(first)
      await quiet()
      expect(bob.booked).toEqual([-700n])
      for (const [party, amount] of [
        ['peer/bob', 701n],
        ['peer/carol', 700n],
      ] as const) {
        const other = await alice.settlement.settle(party, { ...request, amount })
        expect(other).toMatchObject({ ok: false, refusal: { code: 'KEY_REUSED' } })
      }
      expect(await alice.settlement.settle('peer/bob', { key: request.key })).toMatchObject({
        refusal: { code: 'KEY_REUSED' },
      })
    },
  )

  claim(
    'paysDirectly',
    'what is signed never has the id of an order before it, however alike they are',
    async (nodes) => {
      const { alice, network, quiet } = nodes
      const ids: (string | undefined)[] = []
      for (let n = 0; n < 3; n++) {
        network.clock.advanceMs(1_000)
        expect(await alice.settlement.settle('peer/bob', paying(50n))).toMatchObject({ ok: true })
        await alice.settlement.flush()
        const [order] = await alice.settlement.orders()
        ids.push(order?.signed?.id)
        if (order?.order.kind !== 'pay' || order.signed === undefined) throw new Error('it was not signed')
        // Another like it, while that one is not final.
        const context = { key: `alike ${n}`, others: [order.signed] }
        const alike = await alice.rail.sign(order.order, context, AbortSignal.timeout(10_000))
        ids.push(alike.ok ? alike.value.id : undefined)
        await quiet()
      }
      const paid = ids.filter((_, n) => n % 2 === 0)
      expect(paid).not.toContain(undefined)
      expect(new Set(paid).size).toBe(3)
      for (let n = 0; n < ids.length; n += 2) expect(ids[n + 1]).not.toBe(ids[n])
    },
  )

  claim('paysDirectly', 'a payment that cannot be made is booked back', async (nodes) => {
    const { alice, bob, quiet } = nodes
    expect(await alice.settlement.settle('peer/bob', paying(FUNDS * 2n))).toMatchObject({ ok: true })
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
    await alice.settlement.settle('peer/bob', paying(700n))
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
