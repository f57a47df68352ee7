/**
 * What can be asked of a running Interledger node, as plain data in and out. The tRPC router, the console and the command
 * line stand on it, in this process or in another.
 */
import type { Asset, Outcome, Refusal } from '../../kernel/index.ts'
import type { AccountChange, AccountId, Balance, StatementPage, StatementQuery } from '../../ledger/index.ts'
import type { PeerState, PeerTerms } from '../peer.ts'

/** Who asks, as the audit log writes it down. */
export interface IlpActor {
  readonly actor: string
  readonly role: string
}

export type IlpAnswer<T> = Promise<Outcome<T, Refusal>>

/** A peer as it is shown: without tokens. */
export interface PeerFacts extends Omit<PeerTerms, 'link'> {
  readonly state: PeerState
  /** `btp-client`, `btp-server` or `http`; `url` where we connect to it. */
  readonly link: { readonly kind: string; readonly url?: string }
  readonly isConnected: boolean
  /** What the peer owes us; negative: what we owe it. In its asset's smallest unit. */
  readonly balance: bigint
  /** Amounts under way that it may come to owe us, and we it. */
  readonly incomingInFlight: bigint
  readonly outgoingInFlight: bigint
  /** Open circuit: nothing is sent to it for now. */
  readonly isTripped: boolean
  readonly counts: PacketCounts
}

/** Since the node started. */
export interface PacketCounts {
  /** Prepares that came, and what we answered. */
  readonly incoming: number
  readonly fulfilled: number
  /** By the code of the Reject, ours and those that passed through. */
  readonly rejected: Readonly<Record<string, number>>
  /** Prepares that we sent, and how often no answer came, a wrong fulfilment, or one that came too late. */
  readonly outgoing: number
  readonly lost: number
  readonly wrong: number
  readonly late: number
}

export interface RouteFacts {
  readonly prefix: string
  readonly peerId: string
  /** `static`, `child`, `learned`, `parent`, `own`. */
  readonly source: string
  /** Learned routes: the addresses between here and there. */
  readonly path: readonly string[]
}

export interface IlpStats {
  readonly address: string
  readonly isActive: boolean
  readonly startedAtMs: number
  readonly peers: number
  readonly connectedPeers: number
  readonly routes: number
  /** Prepares answered per second, over the last ten seconds. */
  readonly packetsPerSecond: number
  readonly inFlight: number
  readonly counts: PacketCounts
  /** Packets of a crash or a broken link whose fate is not known yet. */
  readonly unresolved: number
}

/** Exactly one of `send` (units of the source asset) and `deliver` (units of the receiver's). */
export interface PaymentRequest {
  /** Chosen by the caller: the same key is paid once. */
  readonly key: string
  /** A payment pointer (`$example.com/alice`) or its URL. */
  readonly to: string
  /** Whose money it is; default `expenses/payments` in `asset`. */
  readonly from?: string
  readonly asset: Asset
  readonly send?: bigint
  readonly deliver?: bigint
  /** Never more than this leaves, in units of the source asset; needed with `deliver`. */
  readonly maxSend?: bigint
}

export type PaymentState = 'running' | 'done' | 'failed' | 'interrupted'

export interface PaymentFacts {
  readonly key: string
  readonly to: string
  readonly state: PaymentState
  readonly asset: Asset
  readonly sent: bigint
  /** In the receiver's asset. */
  readonly delivered: bigint
  readonly destinationCode: string
  readonly destinationScale: number
  /** Why it failed. */
  readonly reason: string
  readonly startedAtMs: number
}

export interface QuoteFacts {
  readonly to: string
  readonly asset: Asset
  readonly destinationCode: string
  readonly destinationScale: number
  readonly send: bigint
  /** The least that would arrive, after slippage. */
  readonly deliver: bigint
}

export interface PeersDesk {
  list(): Promise<readonly PeerFacts[]>
  add(terms: PeerTerms, by: IlpActor): IlpAnswer<PeerFacts>
  /** Limits, settlement, link, whether routes are exchanged. The id, the asset and the relation stay. */
  change(
    id: string,
    patch: Partial<Pick<PeerTerms, 'limits' | 'settlement' | 'link' | 'exchangesRoutes'>>,
    by: IlpActor,
  ): IlpAnswer<PeerFacts>
  pause(id: string, by: IlpActor): IlpAnswer<PeerFacts>
  resume(id: string, by: IlpActor): IlpAnswer<PeerFacts>
  /** No more packets; its books stay. */
  close(id: string, by: IlpActor): IlpAnswer<PeerFacts>
}

export interface RoutesDesk {
  list(query?: { readonly limit?: number; readonly after?: string }): Promise<readonly RouteFacts[]>
  add(route: { readonly prefix: string; readonly peerId: string }, by: IlpActor): IlpAnswer<RouteFacts>
  remove(prefix: string, by: IlpActor): IlpAnswer<undefined>
}

export interface PaymentsDesk {
  quote(request: Omit<PaymentRequest, 'key' | 'from'>): IlpAnswer<QuoteFacts>
  /** Resolves when it is over. Asked again with its key, it answers what became of it, or waits with the first. */
  pay(request: PaymentRequest, by: IlpActor): IlpAnswer<PaymentFacts>
  show(key: string): IlpAnswer<PaymentFacts>
}

export interface BooksDesk {
  getBalance(account: AccountId): Promise<Balance>
  getTransfers(account: AccountId, query: StatementQuery): Promise<StatementPage>
  /** Returns how to stop. */
  subscribeToAccount(account: AccountId, onChange: (change: AccountChange) => void): () => void
}

export interface IlpNode {
  readonly peers: PeersDesk
  readonly routes: RoutesDesk
  readonly payments: PaymentsDesk
  readonly ledger: BooksDesk
  stats(): Promise<IlpStats>
  /** Sends an unfulfillable packet to a peer's ILDCP or an address, and tells how long the answer took. */
  ping(destination: string): IlpAnswer<{ readonly tookMs: number; readonly answer: string }>
}
