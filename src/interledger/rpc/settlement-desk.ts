/**
 * What the RPC asks of settlement, in the words of that part, which fits it as it is: `settlement` knows `interledger`, so
 * this side cannot know that one, and the composition root hands it in.
 */
import type { Asset, Outcome, Refusal } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'

export interface ChannelId {
  readonly rail: string
  readonly id: string
}

/** A payment channel: unidirectional, its claims are cumulative. */
export interface ChannelFacts extends ChannelId {
  /** `in`: we are its payee. */
  readonly direction: 'in' | 'out'
  readonly party: string | undefined
  readonly asset: Asset
  /** The public key that its claims are signed with. */
  readonly claimKey: string
  /** All that was ever put in. */
  readonly deposit: bigint
  /** Of it, what the payee has taken on the network. */
  readonly redeemed: bigint
  /** By its best claim. */
  readonly claimed: bigint
  readonly nonce: bigint
  readonly acknowledged: bigint
  readonly state: 'open' | 'closing' | 'closed'
  readonly closesAtMs: number | undefined
  readonly seenMs: number
}

/** With the best claim, which is as good as money and stays inside. */
export interface KeptChannel extends ChannelFacts {
  readonly best: unknown
}

/** What a claim pays for: the relay's public key and the event's id without its payment tags, both hex. */
export interface ClaimBinding {
  readonly relay: string
  readonly eventId: string
}

export interface SignedClaim {
  readonly claim: {
    readonly rail: string
    readonly channelId: string
    readonly asset: Asset
    /** Cumulative. */
    readonly amount: bigint
    readonly nonce: bigint
    readonly binding: ClaimBinding | undefined
  }
  readonly signature: Buffer
}

/** `order`: it goes on by itself. `claim`: the party is paid as soon as it has the claim. */
export type SettledFacts =
  | { readonly by: 'order'; readonly key: string; readonly amount: bigint }
  | { readonly by: 'claim'; readonly channelId: string; readonly nonce: bigint; readonly amount: bigint }

export interface SettlementDesk {
  /** Asked again with its key, it answers as before and pays nothing. A party is named with its kind: `peer/bob`. */
  settle(
    party: string,
    request: { readonly key: string; readonly amount?: bigint },
  ): Promise<Outcome<SettledFacts, Refusal>>
  /** Likewise. */
  openChannel(request: {
    readonly party: string
    readonly key: string
    readonly amount: bigint
    readonly challengeMs?: number
  }): Promise<Outcome<{ readonly key: string }, Refusal>>
  closeChannel(request: ChannelId): Promise<Outcome<{ readonly key: string }, Refusal>>
  listChannels(query?: { readonly rail?: string; readonly party?: string }): Promise<readonly KeptChannel[]>
  channelState(id: ChannelId): Promise<KeptChannel | undefined>
  verifyPaymentClaim(
    signed: SignedClaim,
    use: { readonly binding: ClaimBinding | undefined },
  ): Promise<Outcome<bigint, Refusal>>
  recordClaim(
    signed: SignedClaim,
    use: { readonly binding: ClaimBinding | undefined; readonly credit: AccountId },
  ): Promise<Outcome<bigint, Refusal>>
  claimAllChannels(rail?: string): Promise<readonly string[]>
}
