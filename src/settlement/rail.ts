/**
 * The port of settlement rails: how money moves outside of this node's books. A rail signs, sends, looks and verifies;
 * what is written down before and after, and in which order, is the engine's affair (`settlement.ts`), so no rail has to
 * remember anything. The folder `stub` is the smallest complete one, `contract.ts` is what each must pass.
 *
 * Every method that may have to ask a network takes a signal and rejects when that is aborted. A network that fails,
 * stalls, or contradicts itself is a fault: `AppError` with the code `RAIL_FAILED`, tried again later.
 */
import type { Asset, Outcome } from '../kernel/index.ts'

export interface RailInfo {
  /** What the rail moves; amounts are in its smallest unit. A peer that settles by the rail has the same asset. */
  readonly asset: Asset
  /** Two rails on one network can pay each other: `stub:<name of the chain>`, `eip155:84532`, `xrpl:1`. */
  readonly network: string
  /** Ours, public. */
  readonly address: string
  /** Amounts that move are multiples of it: 1000 for a rail of whole satoshis in an asset of millisatoshis. */
  readonly granularity: bigint
  /** Claims and payments are not above it: 2^64 − 1, 2^256 − 1. */
  readonly maxAmount: bigint
  /** Can pay an address at once, without a channel. */
  readonly paysDirectly: boolean
  /** The payee is asked for an address first. Without it a payment's `to` is the party: an engine of its own finds the way. */
  readonly needsAddress: boolean
  readonly hasChannels: boolean
  /** `look` sends again, since its network has no other question: so nobody can ask whether it never took an order. */
  readonly looksBySending?: boolean
  /** A channel whose payer needs less time than this to take its money back is not accepted. */
  readonly minChallengeMs: number
}

/** Something that leaves. */
export type Order =
  | { readonly kind: 'pay'; readonly to: string; readonly amount: bigint }
  /** Opens a channel from us to `to` and puts `amount` into it. */
  | { readonly kind: 'open'; readonly to: string; readonly amount: bigint; readonly challengeMs: number }
  /** Puts more into a channel of ours. */
  | { readonly kind: 'deposit'; readonly channelId: string; readonly amount: bigint }
  /** Takes what a claim is good for; the channel goes on. */
  | { readonly kind: 'redeem'; readonly channelId: string; readonly claim: Claim; readonly signature: Buffer }
  /** By the payer: begins the challenge. By the payee: ends the channel at once, with its best claim if it has one. */
  | {
      readonly kind: 'close'
      readonly channelId: string
      readonly best: { readonly claim: Claim; readonly signature: Buffer } | undefined
    }
  /** By the payer, after the challenge: takes back what is left. */
  | { readonly kind: 'withdraw'; readonly channelId: string }

/** An order as it will leave: whoever sends these bytes, and however often, it happens once. */
export interface SignedOrder {
  /** How the network names it; unique on the rail. */
  readonly id: string
  readonly bytes: Buffer
}

export type OrderFate =
  /** The network does not know it, and it may still happen: it is sent again. */
  | { readonly state: 'unknown' }
  /** Seen, and not final. */
  | { readonly state: 'pending' }
  /** Final. `channelId` when it has opened one. */
  | { readonly state: 'done'; readonly fee: Fee | undefined; readonly channelId: string | undefined }
  /** Final: it had no effect, and whoever sends these bytes again, it never will. The fee may be lost all the same. */
  | { readonly state: 'failed'; readonly reason: string; readonly fee: Fee | undefined }

/** What the network took for it, possibly in another asset. */
export interface Fee {
  readonly asset: Asset
  readonly amount: bigint
}

export interface RailRefusal {
  readonly code:
    | 'SHORT_FUNDS'
    | 'BAD_ADDRESS'
    | 'UNKNOWN_CHANNEL'
    | 'CHANNEL_CLOSED'
    | 'OUT_OF_RANGE'
    | 'UNSUPPORTED'
  readonly text: string
}

export interface SigningContext {
  /** The order's key: for rails whose network takes a name against double sending. */
  readonly key: string
  /** Signed and not final: their numbers, where a network counts them, are taken. One order is signed at a time. */
  readonly others: readonly SignedOrder[]
}

export interface IncomingPayment {
  /** Unique on the rail, and the same whenever it is read. */
  readonly id: string
  readonly amount: bigint
  /** Of the address that it came to; undefined when the address is known to nobody. */
  readonly reference: string | undefined
}

export interface IncomingPage {
  readonly payments: readonly IncomingPayment[]
  /** For `after`, next time; also when there are no payments. */
  readonly cursor: string
  readonly isMore: boolean
}

/** A channel as the network has it, final things alone. Unidirectional; claims are cumulative. */
export interface RailChannel {
  readonly id: string
  readonly payer: string
  readonly payee: string
  /** The public key that its claims are signed with. */
  readonly claimKey: string
  /** All that was ever put in. */
  readonly deposit: bigint
  /** Of it, what the payee has taken. */
  readonly redeemed: bigint
  readonly state: 'open' | 'closing' | 'closed'
  /** While closing: until then the payee can redeem. Unix milliseconds. */
  readonly closesAtMs: number | undefined
  readonly challengeMs: number
}

/** What a claim pays for, when it is more than a settlement: worthless to another relay, and for another event. */
export interface ClaimBinding {
  /** The relay's public key, hex. */
  readonly relay: string
  /** The event's id, computed without its payment tags, hex. */
  readonly eventId: string
}

export interface Claim {
  /** Our name for it. What is signed is the rail's network, since the payer may have another name for it. */
  readonly rail: string
  readonly channelId: string
  readonly asset: Asset
  /** Cumulative: all that the payee may have taken from the channel by it. */
  readonly amount: bigint
  /** Rises with each claim; below 2^64. */
  readonly nonce: bigint
  /** Undefined for a settlement between peers, and for claims native to a network that has no place for it. */
  readonly binding: ClaimBinding | undefined
}

export interface Rail {
  /** A segment of account paths: `[a-z0-9-]`, 1–40 characters. */
  readonly name: string
  readonly info: RailInfo
  /** Where to send `amount` so that it is known by `reference` (`[a-z0-9.-]`, up to 80 characters). */
  address(
    request: { readonly reference: string; readonly amount: bigint },
    signal: AbortSignal,
  ): Promise<string>
  /** What an order can spend now; undefined where nobody says. */
  balance(signal: AbortSignal): Promise<bigint | undefined>
  /** Signs; nothing leaves, and nothing is remembered. What was signed and not stored is as if it never was. */
  sign(order: Order, context: SigningContext, signal: AbortSignal): Promise<Outcome<SignedOrder, RailRefusal>>
  /** Sends it, the first time or again. */
  send(signed: SignedOrder, signal: AbortSignal): Promise<OrderFate>
  look(signed: SignedOrder, signal: AbortSignal): Promise<OrderFate>
  /** Final payments to us in a fixed order; from the beginning without `after`. */
  incoming(
    query: { readonly after: string | undefined; readonly limit: number },
    signal: AbortSignal,
  ): Promise<IncomingPage>
  /** Calls when something may have come or changed; returns how to stop. A hint: the engine looks by itself too. */
  watch(onNews: () => void): () => void
  /** Undefined when there is none, or its opening is not final. */
  channel(id: string, signal: AbortSignal): Promise<RailChannel | undefined>
  /** With the key of our side of the channel. */
  signClaim(claim: Claim, signal: AbortSignal): Promise<Buffer>
  /** Offline. Covers the network, every other field of the claim, and its binding. */
  verifyClaim(claim: Claim, signature: Buffer, claimKey: string): boolean
  /** For rails that talk with their like at the peer (an engine by RFC-0038): a message that came, and its answer. */
  answer?(party: string, message: Buffer, signal: AbortSignal): Promise<Buffer | undefined>
}
