/** What `NodeProcess` and `node-child.ts` say to each other, one line of JSON each; amounts are decimal texts. */
import type { Asset } from '../../../kernel/index.ts'
import type { AccountId } from '../../../ledger/index.ts'
import type { PeerLinkSettings, PeerRelation } from '../../peer.ts'
import type { PaymentState } from '../ilp-node.ts'

export interface ChildSettings {
  readonly databaseUrl: string
  /** 0 for any. */
  readonly port: number
  /** 32 bytes, hex: the same after a restart, or tokens cannot be read any more. */
  readonly secret: string
  readonly address: string
  readonly asset: Asset
  readonly maxHoldSeconds: number
  readonly maxReconnectMs: number
  readonly peers: readonly {
    readonly id: string
    readonly relation: PeerRelation
    readonly asset: Asset
    readonly link: PeerLinkSettings
    /** Payments are split into packets of so much. */
    readonly maxPacketAmount: string
  }[]
}

export type ChildOrder =
  | {
      readonly do: 'pay'
      readonly key: string
      readonly to: string
      readonly asset: Asset
      readonly send: string
    }
  | { readonly do: 'balance'; readonly account: AccountId }
  | { readonly do: 'report' }
  | { readonly do: 'stop' }

export type ChildAnswer =
  | { readonly number: number; readonly value: unknown }
  | { readonly number: number; readonly error: string }

export interface PaymentReport {
  readonly state: PaymentState
  readonly reason: string
  readonly sent: string
  readonly delivered: string
}

export interface NodeReport {
  /** Packets whose fate is asked for. */
  readonly unresolved: number
  readonly connectedPeers: number
  /** In the books. */
  readonly openPackets: number
  readonly inFlight: number
  /** Since it started. */
  readonly fulfilled: number
  /** The balance of each peer as the node keeps it in memory. */
  readonly kept: Readonly<Record<string, string>>
  readonly prefixes: readonly string[]
  /** The trial balance is zero and no account's balance is wrong. */
  readonly isSound: boolean
}
