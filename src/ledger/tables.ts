/** The rows of `migrations/0006_ledger.sql`. An int8 is a `bigint`, a numeric a text of digits. */
import type { ColumnType, Generated } from 'kysely'
import type { Asset } from '../kernel/index.ts'
import type { ReservationState } from './ledger.ts'

export interface LedgerAccountsTable {
  readonly id: Generated<bigint>
  readonly path: string
  readonly asset: Asset
  /** 1 or -1: what a debit does to the balance. */
  readonly debit_sign: ColumnType<number, never, never>
  /** Kept by triggers alone. */
  readonly balance: ColumnType<string, never, never>
  readonly held: ColumnType<string, never, never>
  readonly floor: string | null
}

export interface LedgerTransfersTable {
  readonly id: bigint
  readonly key: string
  readonly content_hash: Buffer
  readonly memo: string
  readonly at_ms: bigint
}

export interface LedgerEntriesTable {
  readonly account_id: bigint
  readonly transfer_id: bigint
  readonly place: number
  readonly is_debit: boolean
  readonly amount: string
  readonly balance_after: string
}

export interface LedgerReservationsTable {
  readonly key: string
  readonly id: bigint
  readonly account_id: bigint
  readonly amount: string
  readonly state: ReservationState
  /** Unix seconds. */
  readonly expires_at: bigint
  readonly memo: string
  readonly content_hash: Buffer
  readonly transfer_key: string | null
}

declare module '../platform/database/tables.ts' {
  interface Tables {
    ledger_accounts: LedgerAccountsTable
    ledger_transfers: LedgerTransfersTable
    ledger_entries: LedgerEntriesTable
    ledger_reservations: LedgerReservationsTable
  }
}
