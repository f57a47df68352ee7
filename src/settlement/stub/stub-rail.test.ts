import { expect, test, vi } from 'vitest'
import { describeRailContract } from '../contract.ts'
import { paying, twoNodes } from '../testing/test-node.ts'
import { type StubNetwork, stubNetwork } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

describeRailContract('the stub', () => stubNetwork())

const FUNDS = 10_000n

async function withNodes(
  network: StubNetwork,
  prove: (nodes: Awaited<ReturnType<typeof twoNodes>>) => Promise<void>,
) {
  const nodes = await twoNodes(network)
  try {
    await network.fund('alice', FUNDS)
    await prove(nodes)
  } finally {
    await nodes.dispose()
  }
}

test('an endpoint that takes a payment and loses the answer is asked again, and pays once', async () => {
  const network = stubNetwork()
  await withNodes(network, async ({ alice, bob, quiet }) => {
    await alice.settlement.settle('peer/bob', paying(500n))
    network.faults.losesAnswers = true
    await expect(alice.settlement.flush()).rejects.toMatchObject({ code: 'RAIL_FAILED' })
    expect(await alice.settlement.orders()).toMatchObject([{ state: 'signed' }])
    network.faults.losesAnswers = false
    await quiet()
    expect(bob.booked).toEqual([-500n])
    expect(network.chain.read().state.balanceOf(bob.rail.info.address)).toBe(500n)
  })
})

test('an endpoint that stalls or answers 500 holds nothing up for good and loses nothing', async () => {
  const network = stubNetwork()
  await withNodes(network, async ({ alice, bob, quiet }) => {
    for (const fault of ['isStalled', 'isFailing'] as const) {
      network.faults[fault] = true
      expect(await alice.settlement.settle('peer/bob', paying(500n))).toMatchObject({ ok: true })
      await expect(alice.settlement.flush()).rejects.toThrow()
      network.faults[fault] = false
      await quiet()
    }
    expect(bob.booked).toEqual([-500n, -500n])
  })
})

test('of two endpoints one that lies gets no payment credited that is not there, and none paid twice', async () => {
  const network = stubNetwork({ endpoints: 2 })
  await withNodes(network, async ({ alice, bob, quiet }) => {
    // A chain of its own making, on which Alice has paid Bob a fortune and nothing else ever happened.
    const forged = stubNetwork()
    await forged.fund('alice', 1_000_000n)
    const order = { kind: 'pay', to: `${bob.rail.info.address}+peer.alice`, amount: 1_000_000n } as const
    const limit = AbortSignal.timeout(10_000)
    const liar = forged.openRail('alice')
    const signed = await liar.sign(order, { key: 'x', others: [] }, limit)
    if (!signed.ok) throw new Error(signed.refusal.text)
    await liar.send(signed.value, limit)
    for (let block = 0; block < 40; block++) await forged.oneBlock()

    await alice.settlement.settle('peer/bob', paying(500n))
    await alice.settlement.flush()
    network.faults.lie = () => forged.chain.read()
    await quiet()
    expect(bob.booked).toEqual([])
    expect(await alice.settlement.orders()).toMatchObject([{ state: 'sent' }])
    network.faults.lie = undefined
    await quiet()
    expect(bob.booked).toEqual([-500n])
    expect(await alice.settlement.orders()).toMatchObject([{ state: 'done' }])
    await forged.dispose()
  })
})

test('a network that forgets a payment gets it again; one that it can never take is booked back and paid anew', async () => {
  const network = stubNetwork()
  await withNodes(network, async ({ alice, bob, quiet }) => {
    await alice.settlement.settle('peer/bob', paying(500n))
    await alice.settlement.flush()
    network.chain.forgetWaiting()
    await quiet()
    expect(bob.booked).toEqual([-500n])

    await alice.owe(-2_500n)
    await bob.owe(2_500n)
    await alice.settlement.settle('peer/bob', paying(2_000n))
    await alice.settlement.flush()
    network.chain.forgetWaiting()
    // Its last block goes by while nobody looks.
    for (let block = 0; block < 40; block++) await network.oneBlock()
    network.clock.advanceMs(400_000)
    await alice.settlement.flush()
    expect((await alice.settlement.orders())[0]).toMatchObject({ state: 'failed' })
    expect(await alice.balance()).toBe(-2_000n)
    await quiet()
    expect(await alice.balance()).toBe(0n)
    expect(bob.booked).toEqual([-500n, -2_000n])
  })
})

test('a payment that names nobody is kept for whomever it is from', async () => {
  const network = stubNetwork()
  await withNodes(network, async ({ alice, bob, quiet }) => {
    const limit = AbortSignal.timeout(10_000)
    const order = { kind: 'pay', to: `${bob.rail.info.address}+peer.mallory`, amount: 77n } as const
    const signed = await alice.rail.sign(order, { key: 'x', others: [] }, limit)
    if (!signed.ok) throw new Error(signed.refusal.text)
    await alice.rail.send(signed.value, limit)
    await quiet()
    expect(bob.booked).toEqual([])
    const account = { path: 'liabilities/settlement-unassigned/stub', asset: 'usdc' } as const
    expect((await bob.ledger.balance(account)).balance).toBe(77n)
  })
})
