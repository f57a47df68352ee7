/** What the ledger shows: balances, accounts, statements. */
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../platform/database/index.ts'
import type {
  AccountFacts,
  AccountId,
  AccountsQuery,
  Balance,
  StatementLine,
  StatementPage,
  StatementQuery,
} from './ledger.ts'

const DEFAULT_PAGE = 100
const MAX_PAGE = 1_000
/** Behind every character that a path may have. */
const LAST_CHARACTER = '\x7f'

export async function balanceOf(db: Kysely<Tables>, { path, asset }: AccountId): Promise<Balance> {
  const row = await db
    .selectFrom('ledger_accounts')
    .select(['balance', 'held'])
    .where('path', '=', path)
    .where('asset', '=', asset)
    .executeTakeFirst()
  return { path, asset, balance: BigInt(row?.balance ?? 0), held: BigInt(row?.held ?? 0) }
}

export async function listAccounts(
  db: Kysely<Tables>,
  { prefix = '', asset, after, limit = DEFAULT_PAGE }: AccountsQuery,
): Promise<readonly AccountFacts[]> {
  let query = db
    .selectFrom('ledger_accounts')
    .select(['path', 'asset', 'balance', 'held', 'floor'])
    .where('path', '>=', prefix)
    .where('path', '<', prefix + LAST_CHARACTER)
  if (asset !== undefined) query = query.where('asset', '=', asset)
  if (after !== undefined) {
    query = query.where(
      // Any text, also one that is no path: its place in the order is what is asked for.
      sql<boolean>`(path, asset) > (${after.path}::text COLLATE "C", ${after.asset}::text COLLATE "C")`,
    )
  }
  const rows = await query.orderBy('path').orderBy('asset').limit(pageOf(limit)).execute()
  return rows.map((row) => ({
    path: row.path,
    asset: row.asset,
    balance: BigInt(row.balance),
    held: BigInt(row.held),
    floor: row.floor === null ? undefined : BigInt(row.floor),
  }))
}

/** A page ends between transfers: when the last one has several lines here, the page is longer by them. */
export async function statementOf(
  db: Kysely<Tables>,
  { path, asset }: AccountId,
  { fromMs, toMs, before, limit = DEFAULT_PAGE }: StatementQuery,
): Promise<StatementPage> {
  const size = pageOf(limit)
  const account = db
    .selectFrom('ledger_accounts')
    .select('id')
    .where('path', '=', path)
    .where('asset', '=', asset)
  let query = db
    .selectFrom('ledger_entries as e')
    .innerJoin('ledger_transfers as t', 't.id', 'e.transfer_id')
    .select(['e.transfer_id', 'e.place', 'e.is_debit', 'e.amount', 'e.balance_after'])
    .select(['t.key', 't.memo', 't.at_ms'])
    .where('e.account_id', '=', account)
  if (before !== undefined) query = query.where('e.transfer_id', '<', before)
  if (fromMs !== undefined) query = query.where('t.at_ms', '>=', BigInt(fromMs))
  if (toMs !== undefined) query = query.where('t.at_ms', '<', BigInt(toMs))
  const rows = await query
    .orderBy('e.transfer_id', 'desc')
    .fetch(size + 1, 'with ties')
    .execute()
  const lines = rows.toSorted(newestFirst).map(lineOf)
  return pageOfLines(lines, size)
}

interface StatementRow {
  readonly transfer_id: bigint
  readonly place: number
  readonly is_debit: boolean
  readonly amount: string
  readonly balance_after: string
  readonly key: string
  readonly memo: string
  readonly at_ms: bigint
}

function newestFirst(a: StatementRow, b: StatementRow): number {
  if (a.transfer_id === b.transfer_id) return b.place - a.place
  return a.transfer_id > b.transfer_id ? -1 : 1
}

function lineOf(row: StatementRow): StatementLine {
  return {
    transferId: row.transfer_id,
    key: row.key,
    memo: row.memo,
    atMs: Number(row.at_ms),
    side: row.is_debit ? 'debit' : 'credit',
    amount: BigInt(row.amount),
    balance: BigInt(row.balance_after),
  }
}

/** @param lines one more than the page has, if there are so many, and all of the last transfer's. */
function pageOfLines(lines: readonly StatementLine[], size: number): StatementPage {
  const lastOfPage = lines[size - 1]?.transferId
  if (lines.length <= size) return { lines, next: undefined }
  return { lines: lines.filter(({ transferId }) => transferId >= lastOfPage!), next: lastOfPage }
}

function pageOf(limit: number): number {
  return Math.min(Math.max(Math.trunc(limit), 1), MAX_PAGE)
}
