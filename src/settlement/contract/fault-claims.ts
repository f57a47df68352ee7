import { expect } from 'vitest'
import { paying } from '../testing/test-node.ts'
import { type Claim, FUNDS, openChannel, wallet } from './claim.ts'

export function faultClaims(claim: Claim): void {
  claim(
    'paysDirectly',
    'nodes that forget all but their database between any two steps pay once',
    async (nodes) => {
      const { alice, bob, network } = nodes
      await alice.owe(-2_000n)
      await bob.owe(2_000n)
      for (let round = 0; round < 10; round++) {
        network.clock.advanceMs(400_000)
        await alice.settlement.flush()
        alice.restart()
        await network.oneBlock()
        await bob.settlement.flush()
        bob.restart()
      }
      expect(await alice.balance()).toBe(0n)
      expect(await bob.balance()).toBe(0n)
      expect(await wallet(bob)).toBe(FUNDS + 2_000n)
    },
  )

  claim('hasChannels', 'a channel and its claims outlive both nodes', async (nodes) => {
    const { alice, bob, quiet } = nodes
    const channel = await openChannel(nodes, 1_000n)
    await alice.settlement.settle('peer/bob', paying(300n))
    alice.restart()
    bob.restart()
    await alice.settlement.settle('peer/bob', paying(300n))
    expect(await bob.settlement.channelState(channel)).toMatchObject({ claimed: 600n })
    await bob.settlement.claimAllChannels()
    bob.restart()
    await quiet()
    expect(await wallet(bob)).toBe(FUNDS + 600n)
  })
}
