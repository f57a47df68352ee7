import { expect } from 'vitest'
import { paying } from '../testing/test-node.ts'
import { type Claim, FUNDS, openChannel, signedClaim, wallet } from './claim.ts'

export function channelClaims(claim: Claim): void {
  claim(
    'hasChannels',
    'what a channel has room for is paid by claims, which redeemed are worth their sum',
    async (nodes) => {
      const { alice, bob, quiet } = nodes
      await openChannel(nodes, 5_000n)
      for (const amount of [2_000n, 1_500n]) {
        await alice.owe(-amount)
        await bob.owe(amount)
        await quiet()
      }
      expect(await alice.balance()).toBe(0n)
      expect(await bob.balance()).toBe(0n)
      expect(await wallet(bob)).toBe(FUNDS)
      expect(await bob.settlement.claimAllChannels()).toHaveLength(1)
      await quiet()
      expect(await wallet(bob)).toBe(FUNDS + 3_500n)
      expect(await bob.settlement.claimAllChannels()).toEqual([])
    },
  )

  claim(
    'hasChannels',
    'a claim that got lost on the way is brought again, and counts once',
    async (nodes) => {
      const { alice, bob, link, quiet } = nodes
      await openChannel(nodes, 5_000n)
      link.isUp = false
      expect(await alice.settlement.settle('peer/bob', paying(300n))).toMatchObject({
        ok: true,
        value: { by: 'claim' },
      })
      await quiet()
      expect(bob.booked).toEqual([])
      link.isUp = true
      alice.restart()
      await quiet()
      await quiet()
      expect(bob.booked).toEqual([-300n])
    },
  )

  claim(
    'hasChannels',
    'more can be put in, and a payee who ends it gets its claims and the payer the rest',
    async (nodes) => {
      const { alice, bob, quiet } = nodes
      const channel = await openChannel(nodes, 1_000n)
      expect(
        await alice.settlement.depositToChannel({ key: 'more', ...channel, amount: 500n }),
      ).toMatchObject({
        ok: true,
      })
      await quiet()
      await bob.owe(1_200n)
      expect(await alice.settlement.settle('peer/bob', paying(1_200n))).toMatchObject({
        ok: true,
        value: { by: 'claim' },
      })
      expect(await bob.settlement.closeChannel(channel)).toMatchObject({ ok: true })
      await quiet()
      expect(await wallet(bob)).toBe(FUNDS + 1_200n)
      expect(await wallet(alice)).toBe(FUNDS - 1_200n)
      expect(await alice.settlement.channelState(channel)).toMatchObject({ state: 'closed' })
      expect(await bob.settlement.channelState(channel)).toMatchObject({ state: 'closed' })
    },
  )

  claim(
    'hasChannels',
    'a payer who ends it waits for the payee, who takes what it has claims for in time',
    async (nodes) => {
      const { alice, bob, network, quiet } = nodes
      const channel = await openChannel(nodes, 1_000n)
      await alice.settlement.settle('peer/bob', paying(400n))
      expect(await alice.settlement.closeChannel(channel)).toMatchObject({ ok: true })
      await quiet()
      expect(await wallet(bob)).toBe(FUNDS + 400n)
      network.clock.advanceMs(alice.rail.info.minChallengeMs)
      await network.finalise()
      await quiet()
      expect(await wallet(alice)).toBe(FUNDS - 400n)
      expect(await bob.settlement.channelState(channel)).toMatchObject({ state: 'closed' })
      expect(await bob.balance()).toBe(-400n)
    },
  )

  claim(
    'hasChannels',
    'a channel that ends with claims never redeemed leaves the debt, and the loss, in the books',
    async (nodes) => {
      const { alice, bob, network, link, quiet } = nodes
      const channel = await openChannel(nodes, 1_000n)
      link.isUp = false
      // Bob never hears of this claim, and does not look at the network.
      await alice.settlement.settle('peer/bob', paying(400n))
      expect(await alice.balance()).toBe(400n)
      await alice.settlement.closeChannel(channel)
      for (let round = 0; round < 6; round++) {
        network.clock.advanceMs(alice.rail.info.minChallengeMs)
        await alice.settlement.flush()
        await network.finalise()
      }
      expect(await alice.settlement.channelState(channel)).toMatchObject({ state: 'closed' })
      expect(await wallet(alice)).toBe(FUNDS)
      expect(await alice.balance()).toBe(0n)
      await quiet()
      expect(bob.booked).toEqual([])
    },
  )

  claim(
    'hasChannels',
    'a call to open a channel, to put more in, or to pay by it happens once for its key',
    async (nodes) => {
      const { alice, bob, quiet } = nodes
      const opening = { key: 'open', party: 'peer/bob', amount: 1_000n }
      const opened = await alice.settlement.openChannel(opening)
      expect(opened).toMatchObject({ ok: true })
      await quiet()
      expect(await alice.settlement.openChannel(opening)).toEqual(opened)
      expect(await alice.settlement.openChannel({ ...opening, amount: 2_000n })).toMatchObject({
        refusal: { code: 'KEY_REUSED' },
      })
      const [channel] = await alice.settlement.listChannels()
      const { rail = '', id = '' } = channel ?? {}
      const more = { key: 'more', rail, id, amount: 500n }
      const deposited = await alice.settlement.depositToChannel(more)
      await quiet()
      expect(await alice.settlement.depositToChannel(more)).toEqual(deposited)
      const paid = await alice.settlement.settle('peer/bob', { key: 'pay', amount: 300n })
      expect(paid).toMatchObject({ ok: true, value: { by: 'claim' } })
      expect(await alice.settlement.settle('peer/bob', { key: 'pay', amount: 300n })).toEqual(paid)
      await quiet()
      expect(bob.booked).toEqual([-300n])
      expect(await alice.settlement.listChannels()).toMatchObject([{ deposit: 1_500n, claimed: 300n }])
    },
  )

  claim(
    'hasChannels',
    'whatever comes while its payee ends a channel, no claim is taken that the end does not bring home',
    async (nodes) => {
      const { bob, quiet } = nodes
      const channel = await openChannel(nodes, 1_000n)
      const credit = { path: 'liabilities/credit/someone', asset: channel.asset }
      const use = { binding: undefined, credit }
      const signed = await Promise.all(
        Array.from({ length: 21 }, (_, n) =>
          signedClaim(nodes, channel, { amount: BigInt(n + 1) * 10n, nonce: BigInt(n + 1) }),
        ),
      )
      const last = signed.pop()
      const taking = signed.map((one) => bob.settlement.recordClaim(one, use))
      const closing = bob.settlement.closeChannel(channel)
      await Promise.all(taking)
      expect(await closing).toMatchObject({ ok: true })
      if (last === undefined) throw new Error('no claim was signed')
      expect(await bob.settlement.recordClaim(last, use)).toMatchObject({
        ok: false,
        refusal: { code: 'CHANNEL_CLOSED' },
      })
      const credited = (await bob.ledger.balance(credit)).balance
      await quiet()
      expect(await wallet(bob)).toBe(FUNDS + credited)
    },
  )

  claim('hasChannels', 'a channel that leaves too little time to redeem is not accepted', async (nodes) => {
    const { alice, bob, quiet } = nodes
    const challengeMs = alice.rail.info.minChallengeMs - 60_000
    await alice.settlement.openChannel({ key: 'hasty', party: 'peer/bob', amount: 1_000n, challengeMs })
    await quiet()
    const [channel] = await alice.settlement.listChannels()
    const { id = '', rail = '' } = channel ?? {}
    expect(await bob.settlement.acceptChannel({ rail, id, party: 'peer/alice' })).toMatchObject({
      ok: false,
      refusal: { code: 'CHANNEL_UNSAFE' },
    })
  })

  claim('hasChannels', 'of many who bring claims at one moment each unit is credited once', async (nodes) => {
    const { bob } = nodes
    const channel = await openChannel(nodes, 1_000n)
    const signed = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        signedClaim(nodes, channel, { amount: BigInt(n + 1) * 10n, nonce: BigInt(n + 1) }),
      ),
    )
    const credit = { path: 'liabilities/credit/someone', asset: channel.asset }
    const twice = [...signed, ...signed].toReversed()
    const outcomes = await Promise.all(
      twice.map((one) => bob.settlement.recordClaim(one, { binding: undefined, credit })),
    )
    const gained = outcomes.reduce((sum, outcome) => sum + (outcome.ok ? outcome.value : 0n), 0n)
    expect(gained).toBe(200n)
    expect((await bob.ledger.balance(credit)).balance).toBe(200n)
    expect(await bob.settlement.channelState(channel)).toMatchObject({ claimed: 200n, nonce: 20n })
  })
}
