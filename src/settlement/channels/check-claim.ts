/** What makes a claim good, as a pure function of the claim and what is known of its channel. */
import { type Asset, accepted, type Outcome, refused } from '../../kernel/index.ts'
import type { Claim, ClaimBinding, Rail } from '../rail.ts'

export interface SignedClaim {
  readonly claim: Claim
  readonly signature: Buffer
}

/** A row of the table, read. */
export interface ChannelRecord {
  readonly rail: string
  readonly id: string
  /** `in`: we are its payee. */
  readonly direction: 'in' | 'out'
  readonly party: string | undefined
  readonly asset: Asset
  readonly claimKey: string
  readonly deposit: bigint
  readonly redeemed: bigint
  /** By its best claim. */
  readonly claimed: bigint
  readonly nonce: bigint
  readonly acknowledged: bigint
  /** Of a channel of ours the signature is empty until it was signed. */
  readonly best: SignedClaim | undefined
  readonly state: 'open' | 'closing' | 'closed'
  readonly closesAtMs: number | undefined
  /** When the network was last seen to say so. */
  readonly seenMs: number
}

export interface ClaimRefusal {
  readonly code:
    | 'OUT_OF_RANGE'
    | 'WRONG_CURRENCY'
    | 'UNKNOWN_CHANNEL'
    | 'WRONG_PARTY'
    | 'CHANNEL_CLOSED'
    | 'CHANNEL_UNSEEN'
    | 'WRONG_BINDING'
    | 'OLD_NONCE'
    | 'LOWER_AMOUNT'
    | 'ABOVE_DEPOSIT'
    | 'BAD_SIGNATURE'
  readonly text: string
}

export interface ClaimExpectations {
  /** What the claim must pay for; undefined for a settlement, which is bound to nothing. */
  readonly binding: ClaimBinding | undefined
  /** Whose channel it must be; undefined for anybody's. */
  readonly party: string | undefined
  readonly nowMs: number
  /** For longer than this a channel that the network has not been asked about is not believed to be open. */
  readonly maxUnseenMs: number
}

const MAX_NONCE = 2n ** 64n - 1n

/** What the claim adds to the one before it, when it is good. The signature is looked at last, since that costs most. */
export function checkClaim(
  rail: Rail | undefined,
  channel: ChannelRecord | undefined,
  { claim, signature }: SignedClaim,
  expected: ClaimExpectations,
): Outcome<bigint, ClaimRefusal> {
  if (rail === undefined || channel === undefined || channel.direction !== 'in') {
    return no('UNKNOWN_CHANNEL', `no channel ${claim.channelId} to us is known on ${claim.rail}`)
  }
  const wrong = fieldRefusal(rail, channel, claim, expected) ?? standingRefusal(channel, claim, expected)
  if (wrong !== undefined) return refused(wrong)
  if (!rail.verifyClaim(claim, signature, channel.claimKey)) {
    return no('BAD_SIGNATURE', `the claim is not signed by the key of channel ${claim.channelId}`)
  }
  return accepted(claim.amount - channel.claimed)
}

function fieldRefusal(
  rail: Rail,
  channel: ChannelRecord,
  { amount, nonce, asset, binding }: Claim,
  expected: ClaimExpectations,
): ClaimRefusal | undefined {
  if (amount <= 0n || amount > rail.info.maxAmount) {
    return why('OUT_OF_RANGE', `a claim on ${rail.name} is between 1 and ${rail.info.maxAmount}`)
  }
  if (nonce <= 0n || nonce > MAX_NONCE) return why('OUT_OF_RANGE', `a nonce is between 1 and ${MAX_NONCE}`)
  if (asset !== channel.asset) {
    return why('WRONG_CURRENCY', `the channel is in ${channel.asset}, the claim in ${asset}`)
  }
  if (expected.party !== undefined && channel.party !== expected.party) {
    return why('WRONG_PARTY', `channel ${channel.id} is not one of ${expected.party}`)
  }
  if (!isSameBinding(binding, expected.binding)) {
    return why('WRONG_BINDING', 'the claim is bound to another relay or another event')
  }
  return undefined
}

/** What changes while the channel lives: the statement that records a claim asks the same once more. */
function standingRefusal(
  channel: ChannelRecord,
  { amount, nonce }: Claim,
  { nowMs, maxUnseenMs }: ClaimExpectations,
): ClaimRefusal | undefined {
  if (channel.state !== 'open') return why('CHANNEL_CLOSED', `channel ${channel.id} is ${channel.state}`)
  if (channel.seenMs + maxUnseenMs < nowMs) {
    return why(
      'CHANNEL_UNSEEN',
      `the network of ${channel.rail} has not answered for ${nowMs - channel.seenMs} ms; try again later`,
    )
  }
  if (nonce <= channel.nonce) return why('OLD_NONCE', `nonce ${nonce} is not above ${channel.nonce}`)
  if (amount <= channel.claimed) return why('LOWER_AMOUNT', `${amount} is not above ${channel.claimed}`)
  if (amount > channel.deposit) {
    return why('ABOVE_DEPOSIT', `${amount} is more than the ${channel.deposit} in the channel`)
  }
  return undefined
}

function isSameBinding(a: ClaimBinding | undefined, b: ClaimBinding | undefined): boolean {
  return a?.relay === b?.relay && a?.eventId === b?.eventId
}

function why(code: ClaimRefusal['code'], text: string): ClaimRefusal {
  return { code, text }
}

function no(code: ClaimRefusal['code'], text: string) {
  return refused<ClaimRefusal>(why(code, text))
}
