import { expect, test } from 'vitest'
import type { ChannelRecord, SignedClaim } from '../index.ts'
import { type RailNetwork, type TwoNodes, twoNodes } from '../testing/test-node.ts'

export type MakeNetwork = () => RailNetwork | Promise<RailNetwork>

/** What a claim is about: a rail without it skips the claim. */
type Needs = 'paysDirectly' | 'hasChannels'

/** A sentence that is true of every rail, with its proof. Alice and Bob each have `FUNDS`. */
export type Claim = (needs: Needs, title: string, prove: (nodes: TwoNodes) => Promise<void>) => void

export const FUNDS = 100_000n

export function claimFor(makeNetwork: MakeNetwork): Claim {
  return (needs, title, prove) =>
    test(title, { timeout: 60_000 }, async ({ skip }) => {
      const network = await makeNetwork()
      const nodes = await twoNodes(network)
      try {
        if (!nodes.alice.rail.info[needs]) skip(`this rail does not: ${needs}`)
        await network.fund('alice', FUNDS)
        await network.fund('bob', FUNDS)
        await prove(nodes)
        await expectSoundBooks(nodes)
      } finally {
        await nodes.dispose()
      }
    })
}

/** Whatever happened: debits are credits in both ledgers. */
async function expectSoundBooks({ alice, bob }: TwoNodes): Promise<void> {
  for (const { ledger } of [alice, bob]) {
    for (const line of await ledger.trialBalance()) {
      expect(line).toMatchObject({ debits: line.credits, wrongBalances: 0 })
    }
  }
}

/** What the network has in a wallet, and not what somebody's books say. */
export async function wallet({ rail }: TwoNodes['alice']): Promise<bigint | undefined> {
  return rail.balance(AbortSignal.timeout(10_000))
}

/** A channel from Alice to Bob, final and known to both. */
export async function openChannel({ alice, bob, quiet }: TwoNodes, amount: bigint): Promise<ChannelRecord> {
  const opened = await alice.settlement.openChannel({ key: 'the first', party: 'peer/bob', amount })
  expect(opened).toMatchObject({ ok: true })
  await quiet()
  const [channel] = await alice.settlement.listChannels()
  if (channel === undefined) throw new Error('no channel was opened')
  const accepted = await bob.settlement.acceptChannel({
    rail: bob.rail.name,
    id: channel.id,
    party: 'peer/alice',
  })
  expect(accepted).toMatchObject({ ok: true })
  return channel
}

/** A claim of that channel, signed by Alice, with anything about it changed before the signing. */
export async function signedClaim(
  { alice }: TwoNodes,
  channel: ChannelRecord,
  change: Partial<SignedClaim['claim']>,
): Promise<SignedClaim> {
  const { rail, asset } = channel
  const claim = { rail, channelId: channel.id, asset, amount: 100n, nonce: 1n, binding: undefined, ...change }
  return { claim, signature: await alice.rail.signClaim(claim, AbortSignal.timeout(10_000)) }
}
