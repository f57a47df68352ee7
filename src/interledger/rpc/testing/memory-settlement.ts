/** A settlement of one rail without a network: channels that are there, claims that count when they are above the last. */
import { accepted, type Outcome, type Refusal, refused } from '../../../kernel/index.ts'
import type { AccountId } from '../../../ledger/index.ts'
import type { KeptChannel, SettledFacts, SettlementDesk, SignedClaim } from '../settlement-desk.ts'

export interface MemorySettlement {
  readonly desk: SettlementDesk
  readonly credited: { readonly account: AccountId; readonly amount: bigint }[]
  readonly paid: bigint[]
}

export const PARTY = 'peer/bob'
export const GOOD_SIGNATURE = Buffer.from('c0ffee', 'hex')

export function createMemorySettlement(): MemorySettlement {
  const channels = new Map<string, KeptChannel>()
  const credited: MemorySettlement['credited'] = []
  const paid: MemorySettlement['paid'] = []
  const settled = new Map<string, SettledFacts>()
  const opened = new Map<string, { readonly key: string }>()
  const verify = ({ claim, signature }: SignedClaim): Outcome<bigint, Refusal> => {
    const channel = channels.get(claim.channelId)
    if (channel === undefined)
      return refused({ code: 'UNKNOWN_CHANNEL', text: 'no such channel to us is known' })
    if (claim.nonce <= channel.nonce)
      return refused({ code: 'OLD_NONCE', text: 'the nonce is not above the last' })
    if (!signature.equals(GOOD_SIGNATURE))
      return refused({ code: 'BAD_SIGNATURE', text: 'not signed by its key' })
    return accepted(claim.amount - channel.claimed)
  }
  const desk: SettlementDesk = {
    settle: async (party, { key, amount = 7n }) => {
      if (party !== PARTY) return refused({ code: 'UNKNOWN_PARTY', text: 'nobody that is settled with' })
      const before = settled.get(key)
      if (before !== undefined) return accepted(before)
      paid.push(amount)
      const facts = { by: 'order', key: `order-${paid.length}`, amount } as const
      settled.set(key, facts)
      return accepted(facts)
    },
    openChannel: async ({ party, key, amount }) => {
      const before = opened.get(key)
      if (before !== undefined) return accepted(before)
      const id = `channel-${channels.size + 1}`
      channels.set(id, channelOf(id, party, amount))
      const order = { key: `open-${id}` }
      opened.set(key, order)
      return accepted(order)
    },
    closeChannel: async ({ id }) => {
      const channel = channels.get(id)
      if (channel === undefined) return refused({ code: 'UNKNOWN_CHANNEL', text: 'there is no such channel' })
      channels.set(id, { ...channel, state: 'closing' })
      return accepted({ key: `close-${id}` })
    },
    listChannels: async ({ party } = {}) =>
      [...channels.values()].filter((channel) => party === undefined || channel.party === party),
    channelState: async ({ id }) => channels.get(id),
    verifyPaymentClaim: async (signed) => verify(signed),
    recordClaim: async (signed, { credit }) => {
      const outcome = verify(signed)
      const channel = channels.get(signed.claim.channelId)
      if (!outcome.ok || channel === undefined) return outcome
      const { nonce, amount } = signed.claim
      channels.set(channel.id, { ...channel, nonce, claimed: amount, best: signed })
      credited.push({ account: credit, amount: outcome.value })
      return outcome
    },
    claimAllChannels: async (rail) =>
      [...channels.values()]
        .filter((channel) => channel.claimed > 0n && (rail === undefined || rail === channel.rail))
        .map(({ id }) => `redeem-${id}`),
  }
  return { desk, credited, paid }
}

function channelOf(id: string, party: string, deposit: bigint): KeptChannel {
  return {
    rail: 'stub',
    id,
    direction: 'in',
    party,
    asset: 'msat',
    claimKey: '00'.repeat(32),
    deposit,
    redeemed: 0n,
    claimed: 0n,
    nonce: 0n,
    acknowledged: 0n,
    best: undefined,
    state: 'open',
    closesAtMs: undefined,
    seenMs: 1_700_000_000_000,
  }
}
