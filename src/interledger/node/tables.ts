/** The tables of `migrations/0009_interledger_node.sql`. A numeric is a text in its rows. */
import type { Asset } from '../../kernel/index.ts'
import type { PeerState } from '../peer.ts'
import type { PaymentState } from './ilp-node.ts'

interface IlpPeersTable {
  readonly id: string
  readonly state: PeerState
  /** Parsed by the driver. */
  readonly terms: unknown
  readonly sealed_token: string | null
  readonly token_hash: Buffer | null
  readonly added_at: bigint
  readonly changed_at: bigint
}

interface IlpRoutesTable {
  readonly prefix: string
  readonly peer_id: string
  readonly added_at: bigint
}

interface IlpAddressTable {
  readonly only_row: boolean
  readonly address: string
  readonly parent: string
}

export interface IlpPaymentsTable {
  readonly key: string
  readonly content_hash: Buffer
  readonly destination: string
  readonly source_path: string
  readonly asset: Asset
  readonly max_send: string
  readonly state: PaymentState
  readonly sent: string
  readonly delivered: string
  readonly destination_code: string
  readonly destination_scale: number
  readonly reason: string
  readonly started_at: bigint
  readonly ended_at: bigint | null
}

declare module '../../platform/database/tables.ts' {
  interface Tables {
    ilp_peers: IlpPeersTable
    ilp_routes: IlpRoutesTable
    ilp_address: IlpAddressTable
    ilp_payments: IlpPaymentsTable
  }
}
