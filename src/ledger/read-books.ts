import { sql } from 'kysely'
import { PREPARED } from '../platform/database/index.ts'
import type { AccountIds } from './account-ids.ts'
import { type AccountName, nameOf } from './checked.ts'
import type { AccountState, Books, KnownReservation, KnownTransfer } from './draft.ts'
import type { AccountId, LedgerTransaction, ReservationState } from './ledger.ts'

/** What has to be known, and locked, before a group of tasks can be decided. */
export interface Needs {
  readonly accounts: ReadonlyMap<AccountName, AccountId>
  readonly transferKeys: readonly string[]
  readonly reservationKeys: readonly string[]
  /** How many transfers and reservations may come of it. */
  readonly numbers: number
}

export interface ReadBooks extends Pick<Books, 'accounts' | 'transfers' | 'reservations' | 'numbers'> {
  readonly names: ReadonlyMap<bigint, AccountName>
}

interface AccountRow {
  readonly id: bigint
  readonly path: string
  readonly asset: AccountId['asset']
  readonly balance: string
  readonly held: string
  readonly floor: string | null
}

interface ReservationRow {
  readonly key: string
  readonly id: bigint
  readonly account_id: bigint
  readonly amount: string
  readonly state: ReservationState
  readonly expires_at: bigint
  readonly content_hash: Buffer
  readonly transfer_key: string | null
}

type KeyOrNumberRow =
  | { readonly key: string; readonly id: bigint; readonly content_hash: Buffer }
  | { readonly key: null; readonly id: bigint; readonly content_hash: null }

/**
 * Locks the accounts, in the order of their numbers like everybody, and then reads what stands under the keys: whatever
 * was committed before the locks were had is seen, and nothing of these accounts is added until the transaction ends.
 */
export async function readBooks(
  tx: LedgerTransaction,
  accountIds: AccountIds,
  needs: Needs,
): Promise<ReadBooks> {
  const reserved = await accountsOfReservations(tx, needs.reservationKeys)
  const rows = await lockNeeded(tx, accountIds, needs, reserved)
  const names = new Map(rows.map((row) => [row.id, nameOf(row)]))
  const accounts = new Map(rows.map((row) => [nameOf(row), accountOf(row)]))
  const { transfers, numbers } = await readTransfers(tx, needs)
  const reservations = await readReservations(tx, needs.reservationKeys, names)
  return { accounts, names, transfers, numbers, reservations }
}

/** Reservations of these accounts whose time has come. */
export async function expiredReservationsOf(
  tx: LedgerTransaction,
  accountIds: readonly bigint[],
  nowSeconds: number,
  names: ReadonlyMap<bigint, AccountName>,
): Promise<ReadonlyMap<string, KnownReservation>> {
  const { rows } = await sql<ReservationRow>`
    SELECT key, id, account_id, amount, state, expires_at, content_hash, transfer_key FROM ledger_reservations
    WHERE state = 'open' AND account_id = ANY(${accountIds}::bigint[]) AND expires_at <= ${nowSeconds}
    ORDER BY expires_at LIMIT ${MAX_EXPIRED}`.execute(tx)
  return reservationsOf(rows, names)
}

/** Reservations freed at once for somebody who lacks funds; the rest is left to the sweep. */
const MAX_EXPIRED = 10_000

async function accountsOfReservations(
  tx: LedgerTransaction,
  keys: readonly string[],
): Promise<readonly bigint[]> {
  if (keys.length === 0) return []
  const { rows } = await sql<{ account_id: bigint }>`
    SELECT DISTINCT account_id FROM ledger_reservations WHERE key = ANY(${keys}::text[])`.execute(tx)
  return rows.map(({ account_id }) => account_id)
}

async function lockNeeded(
  tx: LedgerTransaction,
  accountIds: AccountIds,
  { accounts }: Needs,
  reserved: readonly bigint[],
): Promise<readonly AccountRow[]> {
  const wanted = new Set([...(await accountIds.of(tx, accounts)), ...reserved])
  const rows = await lockAccounts(tx, [...wanted])
  if (rows.length === wanted.size) return rows
  accountIds.forget()
  const found = new Set([...(await accountIds.of(tx, accounts)), ...reserved])
  return lockAccounts(tx, [...found])
}

async function lockAccounts(tx: LedgerTransaction, ids: readonly bigint[]): Promise<readonly AccountRow[]> {
  if (ids.length === 0) return []
  const { rows } = await sql<AccountRow>`${PREPARED}
    SELECT id, path, asset, balance, held, floor FROM ledger_accounts
    WHERE id = ANY(${listOf(ids)}::bigint[]) ORDER BY id FOR NO KEY UPDATE`.execute(tx)
  return rows
}

/** What stands under the keys of transfers, and numbers for new ones, in one answer. */
async function readTransfers(
  tx: LedgerTransaction,
  { transferKeys, numbers: howMany }: Needs,
): Promise<Pick<ReadBooks, 'transfers' | 'numbers'>> {
  const transfers = new Map<string, KnownTransfer>()
  const numbers: bigint[] = []
  if (howMany === 0) return { transfers, numbers }
  const { rows } = await sql<KeyOrNumberRow>`${PREPARED}
    SELECT key, id, content_hash FROM ledger_transfers WHERE key = ANY(${transferKeys}::text[])
    UNION ALL
    SELECT NULL, nextval('ledger_numbers'), NULL FROM generate_series(1, ${howMany}::int)`.execute(tx)
  for (const { key, id, content_hash } of rows) {
    if (key === null) numbers.push(id)
    else transfers.set(key, { id, contentHash: content_hash })
  }
  return { transfers, numbers }
}

async function readReservations(
  tx: LedgerTransaction,
  keys: readonly string[],
  names: ReadonlyMap<bigint, AccountName>,
): Promise<ReadonlyMap<string, KnownReservation>> {
  if (keys.length === 0) return new Map()
  const { rows } = await sql<ReservationRow>`
    SELECT key, id, account_id, amount, state, expires_at, content_hash, transfer_key FROM ledger_reservations
    WHERE key = ANY(${keys}::text[])`.execute(tx)
  return reservationsOf(rows, names)
}

function reservationsOf(
  rows: readonly ReservationRow[],
  names: ReadonlyMap<bigint, AccountName>,
): ReadonlyMap<string, KnownReservation> {
  return new Map(
    rows.map((row) => [
      row.key,
      {
        id: row.id,
        contentHash: row.content_hash,
        name: names.get(row.account_id) ?? '',
        amount: BigInt(row.amount),
        state: row.state,
        expiresAtSeconds: Number(row.expires_at),
        transferKey: row.transfer_key ?? undefined,
      },
    ]),
  )
}

function accountOf({ id, path, asset, balance, held, floor }: AccountRow): AccountState {
  return {
    id,
    account: { path, asset },
    balance: BigInt(balance),
    held: BigInt(held),
    floor: floor === null ? undefined : BigInt(floor),
  }
}

/** An array of PostgreSQL in its text form; without the quotes and escapes that `pg` would put. */
export function listOf(values: readonly (bigint | number | boolean)[]): string {
  return `{${values.join(',')}}`
}
