/**
 * The port of packet accounting: what is made durable, and when. A packet's fate is written down before anybody is told of
 * it: that it was sent before it is sent, that it was fulfilled before the Fulfill goes upstream.
 */
import type { AccountId } from '../ledger/index.ts'

/** Where a packet came from or goes to. */
export type PacketParty =
  | { readonly kind: 'peer'; readonly peerId: string }
  /** A receiver or sender within this node; its money is in this account. */
  | { readonly kind: 'account'; readonly account: AccountId }

/**
 * 16 bytes as hex: the SHA-256 of the Prepare as it is on its link, cut short. Two Prepares on one link have never the
 * same id while the first may still be answered, since the second is refused as a replay.
 */
export type PacketId = string

/** A Prepare that is about to leave for a peer, or (to an account) that was fulfilled here. */
export interface PacketIntent {
  /** As the packet goes out; of one to an account, as it came in. */
  readonly id: PacketId
  /** As the packet came in; empty for one that began here. */
  readonly incomingId: PacketId
  readonly from: PacketParty
  readonly to: PacketParty
  /** In the asset of `from`: what it will owe us. */
  readonly incomingAmount: bigint
  /** In the asset of `to`: what we will owe it. */
  readonly outgoingAmount: bigint
  /** Of `incomingAmount`, what the spread leaves us; counts where the assets differ. None when absent. */
  readonly marginAmount?: bigint
  /** As it stands in the packet that came in, not cut short by a limit of ours: the peer names it when it asks. */
  readonly incomingExpiresAtMs: number
  readonly outgoingExpiresAtMs: number
  /** 32 bytes. */
  readonly executionCondition: Buffer
}

/** What the connector writes down as packets pass. */
export interface PacketBooks {
  /**
   * Writes down that this Prepare leaves. Resolves when durable. Those written in one moment share a commit. Rejects with
   * `ILP_BOOKS_BUSY` when too much waits, with `ILP_PACKET_REPEATED` when a packet with this `id` is under way to this
   * peer, or when the peer it came from was told that it will not be fulfilled (`ILP_PACKET_ENDED`), and with
   * `ILP_BOOKS_CLOSED`. Then the packet must not leave, and may be rejected upstream.
   */
  intend(intent: PacketIntent): Promise<void>
  /**
   * Posts a fulfilled packet: `from` owes us, we owe `to`, and what the rate leaves over goes to `revenue/routing`. The
   * ledger's postings of one moment are netted for each pair of accounts. Resolves when durable; the second time for one
   * `id` changes nothing. While the database is away it waits, however long.
   *
   * Rejects with `ILP_PACKET_ENDED` when the packet had come to nothing before: it is rejected upstream. Rejects with
   * `ILP_BOOKS_CLOSED` when this process must not write any more: then upstream must not be told anything, neither
   * Fulfill nor Reject, since whoever writes next may find that it was fulfilled.
   */
  fulfil(intent: PacketIntent, fulfillment: Buffer): Promise<void>
  /** Forgets an intent that came to nothing. Need not be durable at once. Changes nothing for one that was given up. */
  reject(id: PacketId, to: PacketParty): void
  /** Writes what waits, for some seconds at most. Nothing can be written afterwards. */
  close(): Promise<void>
}

/** A packet that a peer has sent us, as the peer names it. */
export interface PacketQuestion {
  readonly id: PacketId
  /** As it stands in the Prepare. */
  readonly expiresAtMs: number
}

export type PacketAnswer =
  | { readonly state: 'fulfilled'; readonly fulfillment: Buffer }
  /** Still under way: ask again. */
  | { readonly state: 'pending' }
  /** Never was, or was refused; it will not be fulfilled any more. */
  | { readonly state: 'none' }

/** An intent whose fate is not known. */
export interface UnresolvedIntent extends PacketIntent {
  /** Upstream was told that it will not be fulfilled: should it have been, it is refused. */
  readonly isGivenUp: boolean
}

/** What reconciliation after a crash or a broken link needs of the books. */
export interface RecoveryBooks extends PacketBooks {
  /** Intents of an earlier run whose fate was not known when it was opened. */
  readonly unresolved: readonly UnresolvedIntent[]
  /**
   * Writes down that a packet will not be passed on upstream, whatever the peer will say of it. Resolves when durable:
   * before that upstream must not be told. False when it is fulfilled already, or not known any more.
   */
  giveUp(id: PacketId, to: PacketParty): Promise<boolean>
  /** As `reject`, for one that was given up as well: nothing is owed for it. */
  forget(id: PacketId, to: PacketParty): void
  /** What became of packets that this peer sent us, in the order of the questions. `none` is kept to. */
  answersFor(peerId: string, questions: readonly PacketQuestion[]): Promise<readonly PacketAnswer[]>
  /**
   * The peer does not accept these Fulfills of ours, since they came too late: books them back as a loss, within
   * `maxPerDay` of the peer's asset. Rejects with `ILP_BOOKS_BUSY` when it has asked for too much of late.
   */
  writeOff(peerId: string, questions: readonly PacketQuestion[], maxPerDay: bigint): Promise<WriteOff>
}

export interface WriteOff {
  /** For each packet, whether the peer owes nothing for it; false where the day's bound is reached. */
  readonly isSettled: readonly boolean[]
  /** What was booked back by this call; what was before is not in it. */
  readonly amount: bigint
}
