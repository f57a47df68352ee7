import { expect } from 'vitest'
import type { Asset } from '../../kernel/index.ts'
import type { ChannelRecord, SignedClaim } from '../index.ts'
import type { TwoNodes } from '../testing/test-node.ts'
import { type Claim, openChannel, signedClaim } from './claim.ts'

const RELAY = 'a'.repeat(64)
const OTHER_RELAY = 'b'.repeat(64)
const EVENT = 'c'.repeat(64)
const U64 = 2n ** 64n
const U256 = 2n ** 256n

export function forgeryClaims(claim: Claim): void {
  claim('hasChannels', 'an old nonce, a lower amount and more than there is are refused', async (nodes) => {
    const channel = await openChannel(nodes, 1_000n)
    expect(await record(nodes, channel, { amount: 100n, nonce: 5n })).toBe(100n)
    expect(await record(nodes, channel, { amount: 100n, nonce: 5n })).toBe('OLD_NONCE')
    expect(await record(nodes, channel, { amount: 200n, nonce: 4n })).toBe('OLD_NONCE')
    expect(await record(nodes, channel, { amount: 100n, nonce: 6n })).toBe('LOWER_AMOUNT')
    expect(await record(nodes, channel, { amount: 99n, nonce: 6n })).toBe('LOWER_AMOUNT')
    expect(await record(nodes, channel, { amount: 1_001n, nonce: 6n })).toBe('ABOVE_DEPOSIT')
    expect(await record(nodes, channel, { amount: 1_000n, nonce: 6n })).toBe(900n)
  })

  claim(
    'hasChannels',
    'amounts and nonces at and beyond the bounds of u64 and u256 are refused',
    async (nodes) => {
      const channel = await openChannel(nodes, 1_000n)
      const { maxAmount } = nodes.bob.rail.info
      const atTheBound = await record(nodes, channel, { amount: maxAmount })
      expect(atTheBound).toBe('ABOVE_DEPOSIT')
      for (const amount of [0n, -1n, maxAmount + 1n, U256, U256 * 2n]) {
        expect(await record(nodes, channel, { amount })).toBe('OUT_OF_RANGE')
      }
      for (const nonce of [0n, -1n, U64, U256]) {
        expect(await record(nodes, channel, { nonce })).toBe('OUT_OF_RANGE')
      }
      expect(await record(nodes, channel, { nonce: U64 - 1n })).toBe(100n)
    },
  )

  claim(
    'hasChannels',
    'a claim for another relay, another event, or bound to nothing is worthless here',
    async (nodes) => {
      const channel = await openChannel(nodes, 1_000n)
      const ours = { relay: RELAY, eventId: EVENT }
      const other = { relay: OTHER_RELAY, eventId: EVENT }
      const later = { relay: RELAY, eventId: 'd'.repeat(64) }
      expect(await record(nodes, channel, { binding: other }, ours)).toBe('WRONG_BINDING')
      expect(await record(nodes, channel, { binding: later }, ours)).toBe('WRONG_BINDING')
      expect(await record(nodes, channel, {}, ours)).toBe('WRONG_BINDING')
      // Nor does it help to say that it is bound to us: the signature is of what it was made for.
      const lifted = await signedClaim(nodes, channel, { binding: other })
      expect(await taken(nodes, { ...lifted, claim: { ...lifted.claim, binding: ours } }, ours)).toBe(
        'BAD_SIGNATURE',
      )
      expect(await record(nodes, channel, { binding: ours }, ours)).toBe(100n)
    },
  )

  claim('hasChannels', 'no field of a claim can be changed behind its signature', async (nodes) => {
    const { bob } = nodes
    const channel = await openChannel(nodes, 1_000n)
    const { claim: plain, signature } = await signedClaim(nodes, channel, {})
    const otherAsset: Asset = channel.asset === 'wei' ? 'usdc' : 'wei'
    expect(await taken(nodes, { claim: { ...plain, asset: otherAsset }, signature })).toBe('WRONG_CURRENCY')
    expect(await taken(nodes, { claim: { ...plain, amount: 101n }, signature })).toBe('BAD_SIGNATURE')
    expect(await taken(nodes, { claim: { ...plain, nonce: 2n }, signature })).toBe('BAD_SIGNATURE')
    expect(await taken(nodes, { claim: { ...plain, channelId: '0'.repeat(64) }, signature })).toBe(
      'UNKNOWN_CHANNEL',
    )
    const bySomebodyElse = await bob.rail.signClaim(plain, AbortSignal.timeout(10_000))
    expect(await taken(nodes, { claim: plain, signature: bySomebodyElse })).toBe('BAD_SIGNATURE')
    for (const bad of [Buffer.alloc(0), Buffer.alloc(64), Buffer.concat([signature, signature])]) {
      expect(await taken(nodes, { claim: plain, signature: bad })).toBe('BAD_SIGNATURE')
    }
    expect(await taken(nodes, { claim: plain, signature })).toBe(100n)
  })

  claim(
    'hasChannels',
    'a channel that closes between the look at a claim and its recording pays nothing',
    async (nodes) => {
      const { alice, bob, network } = nodes
      const channel = await openChannel(nodes, 1_000n)
      const signed = await signedClaim(nodes, channel, {})
      expect(await bob.settlement.verifyPaymentClaim(signed, { binding: undefined })).toEqual({
        ok: true,
        value: 100n,
      })
      await alice.settlement.closeChannel(channel)
      await alice.settlement.flush()
      await network.finalise()
      await bob.settlement.flush()
      expect(await taken(nodes, signed)).toBe('CHANNEL_CLOSED')
    },
  )

  claim(
    'hasChannels',
    'a channel of which the network has said nothing for too long pays nothing',
    async (nodes) => {
      const { bob, network } = nodes
      const channel = await openChannel(nodes, 1_000n)
      const signed = await signedClaim(nodes, channel, {})
      network.clock.advanceMs(24 * 3_600_000)
      expect(await taken(nodes, signed)).toBe('CHANNEL_UNSEEN')
      await bob.settlement.flush()
      expect(await taken(nodes, signed)).toBe(100n)
    },
  )

  claim('hasChannels', 'a transaction that is rolled back has taken no claim', async (nodes) => {
    const { bob } = nodes
    const channel = await openChannel(nodes, 1_000n)
    const signed = await signedClaim(nodes, channel, {})
    const use = { binding: undefined, credit: { path: 'liabilities/credit/someone', asset: channel.asset } }
    const rolledBack = bob.database.db.transaction().execute(async (tx) => {
      expect(await bob.settlement.recordClaim(signed, use, tx)).toEqual({ ok: true, value: 100n })
      throw new Error('the event was not stored')
    })
    await expect(rolledBack).rejects.toThrow('not stored')
    expect((await bob.ledger.balance(use.credit)).balance).toBe(0n)
    expect(await taken(nodes, signed)).toBe(100n)
  })
}

type Binding = SignedClaim['claim']['binding']

async function record(
  nodes: TwoNodes,
  channel: ChannelRecord,
  change: Partial<SignedClaim['claim']>,
  binding?: Binding,
): Promise<bigint | string> {
  return taken(nodes, await signedClaim(nodes, channel, change), binding)
}

/** What it brought, or why it brought nothing. */
async function taken({ bob }: TwoNodes, signed: SignedClaim, binding?: Binding): Promise<bigint | string> {
  const credit = { path: 'liabilities/credit/someone', asset: bob.rail.info.asset }
  const outcome = await bob.settlement.recordClaim(signed, { binding, credit })
  return outcome.ok ? outcome.value : outcome.refusal.code
}
