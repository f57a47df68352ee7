/** The rows of `migrations/0008_settlement.sql` and what came behind it. Times are Unix milliseconds; a numeric is a text. */
import type { Generated, Kysely, Transaction } from 'kysely'
import { AppError, type Asset } from '../kernel/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { OrderState } from './orders/order-states.ts'
import type { Order } from './rail.ts'

interface SettlementOrdersTable {
  readonly key: string
  readonly rail: string
  readonly kind: Order['kind']
  /** Null in rows from before migration 12. */
  readonly asset: Asset | null
  readonly party: string | null
  readonly amount: string
  readonly channel_id: string | null
  readonly terms: string
  state: Generated<OrderState>
  signed_id: string | null
  signed_bytes: Buffer | null
  tries: Generated<number>
  next_try_ms: bigint
  reason: string | null
  readonly created_ms: bigint
  changed_ms: bigint
}

export interface SettlementChannelsTable {
  readonly rail: string
  readonly id: string
  readonly direction: 'in' | 'out'
  readonly party: string | null
  readonly asset: Asset
  readonly claim_key: string
  deposit: string
  redeemed: Generated<string>
  claimed: Generated<string>
  claimed_before: Generated<string>
  nonce: Generated<string>
  acknowledged: Generated<string>
  claim: string | null
  signature: Buffer | null
  state: 'open' | 'closing' | 'closed'
  closes_ms: bigint | null
  /** When the network's word was heard last. */
  seen_ms: bigint
  /** When it was asked last, answered or not. */
  looked_ms: Generated<bigint>
  /** Since when it has called open what it had called closing. */
  open_again_ms: bigint | null
  /** Out: when the last claim was brought to the payee last. */
  brought_ms: Generated<bigint>
}

interface SettlementPaymentsTable {
  readonly rail: string
  readonly id: string
  readonly party: string | null
  readonly amount: string
  readonly credited_ms: bigint
}

interface SettlementCursorsTable {
  readonly rail: string
  cursor: string
}

interface SettlementRequestsTable {
  readonly scope: string
  readonly key: string
  readonly content: Buffer
  last_ms: bigint
  /** Of a call that moved money: what it led to. */
  answer: string | null
}

interface SettlementLeftoversTable {
  readonly scope: string
  amount: string
}

interface SettlementEngineAccountsTable {
  readonly id: string
  readonly party: string
  readonly created_ms: bigint
  deleted_ms: bigint | null
}

interface SettlementEngineNoticesTable {
  readonly key: string
  readonly account_id: string
  readonly amount: string
  tries: Generated<number>
  next_try_ms: bigint
}

declare module '../platform/database/tables.ts' {
  interface Tables {
    settlement_orders: SettlementOrdersTable
    settlement_channels: SettlementChannelsTable
    settlement_payments: SettlementPaymentsTable
    settlement_cursors: SettlementCursorsTable
    settlement_requests: SettlementRequestsTable
    settlement_leftovers: SettlementLeftoversTable
    settlement_engine_accounts: SettlementEngineAccountsTable
    settlement_engine_notices: SettlementEngineNoticesTable
  }
}

export type Tx = Transaction<Tables>

/** A transaction in the name of the process that leads; throws `LEADERSHIP_LOST`, and writes nothing, when it does not any more. */
export type Fenced = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>

/** Says, and holds until the transaction ends, that this process is the one that settles (`holdsTerm`). */
export type IsLeading = (tx: Tx) => Promise<boolean>

/** @param isLeading undefined for a process that is alone. */
export function fencedBy(db: Kysely<Tables>, isLeading: IsLeading | undefined): Fenced {
  return (work) =>
    db.transaction().execute(async (tx) => {
      if (isLeading !== undefined && !(await isLeading(tx))) {
        throw new AppError('LEADERSHIP_LOST', 'another process settles by now')
      }
      return work(tx)
    })
}
