import { sql } from 'kysely'
import { PREPARED } from '../platform/database/index.ts'
import type { Draft } from './draft.ts'
import type { LedgerTransaction } from './ledger.ts'
import { listOf } from './read-books.ts'

/**
 * Writes what was decided. The database itself moves the balances, and refuses what the draft should not have decided.
 * What frees funds comes first and what holds them last, so that no account is short in between.
 */
export async function writeDraft(
  tx: LedgerTransaction,
  draft: Draft,
  accountIdOf: (name: string) => bigint,
  nowMs: number,
): Promise<void> {
  if (draft.closed.size > 0) await closeReservations(tx, draft)
  if (draft.newTransfers.length > 0) await insertTransfers(tx, draft, nowMs)
  if (draft.newReservations.size > 0) await insertReservations(tx, draft, accountIdOf)
}

async function insertTransfers(
  tx: LedgerTransaction,
  { newTransfers, newEntries }: Draft,
  nowMs: number,
): Promise<void> {
  const keys = newTransfers.map(({ transfer }) => transfer.key)
  const hashes = newTransfers.map(({ transfer }) => transfer.contentHash)
  const memos = newTransfers.map(({ transfer }) => transfer.memo)
  await sql`${PREPARED}
    WITH new_transfers AS (
      INSERT INTO ledger_transfers (id, key, content_hash, memo, at_ms)
      SELECT id, key, content_hash, memo, ${nowMs}::bigint
      FROM unnest(${listOf(newTransfers.map(({ id }) => id))}::bigint[], ${keys}::text[], ${hashes}::bytea[], ${memos}::text[])
        AS t (id, key, content_hash, memo)
    )
    INSERT INTO ledger_entries (account_id, transfer_id, place, is_debit, amount, balance_after)
    SELECT * FROM unnest(
      ${listOf(newEntries.map(({ accountId }) => accountId))}::bigint[],
      ${listOf(newEntries.map(({ transferId }) => transferId))}::bigint[],
      ${listOf(newEntries.map(({ place }) => place))}::smallint[],
      ${listOf(newEntries.map(({ isDebit }) => isDebit))}::boolean[],
      ${listOf(newEntries.map(({ amount }) => amount))}::numeric[],
      ${listOf(newEntries.map(({ balanceAfter }) => balanceAfter))}::numeric[]
    )`.execute(tx)
}

async function closeReservations(tx: LedgerTransaction, draft: Draft): Promise<void> {
  const keys = [...draft.closed]
  const after = keys.map((key) => draft.reservation(key))
  const states = after.map((reservation) => reservation?.state ?? null)
  const transferKeys = after.map((reservation) => reservation?.transferKey ?? null)
  await sql`
    UPDATE ledger_reservations r SET state = c.state, transfer_key = c.transfer_key
    FROM unnest(${keys}::text[], ${states}::text[], ${transferKeys}::text[]) AS c (key, state, transfer_key)
    WHERE r.key = c.key`.execute(tx)
}

async function insertReservations(
  tx: LedgerTransaction,
  draft: Draft,
  accountIdOf: (name: string) => bigint,
): Promise<void> {
  const wanted = [...draft.newReservations.values()]
  const after = wanted.map(({ request }) => draft.reservation(request.key))
  await sql`
    INSERT INTO ledger_reservations (key, id, account_id, amount, state, expires_at, memo, content_hash, transfer_key)
    SELECT * FROM unnest(
      ${wanted.map(({ request }) => request.key)}::text[],
      ${listOf(after.map((reservation) => reservation?.id ?? 0n))}::bigint[],
      ${listOf(wanted.map(({ name }) => accountIdOf(name)))}::bigint[],
      ${listOf(wanted.map(({ request }) => request.amount))}::numeric[],
      ${after.map((reservation) => reservation?.state ?? null)}::text[],
      ${listOf(wanted.map(({ request }) => request.expiresAtSeconds))}::bigint[],
      ${wanted.map(({ request }) => request.memo)}::text[],
      ${wanted.map(({ contentHash }) => contentHash)}::bytea[],
      ${after.map((reservation) => reservation?.transferKey ?? null)}::text[]
    )`.execute(tx)
}
