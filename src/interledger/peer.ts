/** Whom this node exchanges packets with, and on which terms. */
import type { Asset } from '../kernel/index.ts'

/** By RFC-0032 terms: which way routes and trust go. A `child` gets its address from us (ILDCP), from a `parent` we get ours. */
export type PeerRelation = 'parent' | 'peer' | 'child'

/** How the peer is reached. Tokens are in no log and no answer. */
export type PeerLinkSettings =
  /** We connect to it (RFC-0023); `token` is what we show. */
  | { readonly kind: 'btp-client'; readonly url: string; readonly token: string }
  /** It connects to us and shows a token whose SHA-256 (hex) is this. */
  | { readonly kind: 'btp-server'; readonly tokenHash: string }
  /**
   * ILP-over-HTTP (RFC-0035) both ways: we POST to `url` with `token`; it POSTs to us with the one that hashes to
   * `tokenHash`, or with a JWT that it has signed with `token` and that has this peer's id as its `sub`.
   */
  | {
      readonly kind: 'http'
      readonly url: string
      readonly token: string
      readonly tokenHash: string
      /** What the peer calls us. With it we show a JWT of that `sub`, signed with `token`, and not `token` itself. */
      readonly jwtSubject?: string | undefined
    }

/** A shorter token cannot sign a JWT (RFC 7518, 3.2). */
export const MIN_JWT_SECRET_BYTES = 32

export interface PeerLimits {
  /** The most that the peer may owe us, packets under way included; units of its asset. */
  readonly maxReceivable: bigint
  /** The most that we will owe the peer, packets under way included. */
  readonly maxPayable: bigint
  /** The largest packet either way. */
  readonly maxPacketAmount: bigint
  /** Prepares per second that it may send, and twice that at once. */
  readonly maxPacketsPerSecond: number
  /** Prepares that may wait for their answer, in each direction. */
  readonly maxInFlight: number
  /** The least time that we keep for ourselves when we forward its packets. */
  readonly minMessageWindowMs: number
}

export interface SettlementTerms {
  /** A rail's name; undefined when nothing is settled with this peer. */
  readonly rail: string | undefined
  /** We pay when we owe more than this … */
  readonly threshold: bigint
  /** … until we owe this. Not above `threshold`. */
  readonly target: bigint
}

export interface PeerTerms {
  /** `[a-z0-9-]`, 1–40 characters; a segment of account paths and, of a child, of its ILP address. */
  readonly id: string
  readonly relation: PeerRelation
  /** What packets to and from it are counted in: this asset's smallest unit; code and scale as `ilpAssetOf` says. */
  readonly asset: Asset
  readonly link: PeerLinkSettings
  readonly limits: PeerLimits
  readonly settlement: SettlementTerms
  /** Send routes to it, take routes from it (CCP). A child sends none but of its own address. */
  readonly exchangesRoutes: boolean
}

/** `closing`: no new packets; those under way end. `closed`: kept for its books alone. */
export type PeerState = 'active' | 'paused' | 'closing' | 'closed'
