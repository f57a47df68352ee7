/** Posting within one statement of the caller: `migrations/0010_ledger_post_at_once.sql`. */
import { type RawBuilder, sql } from 'kysely'
import type { AccountIds } from './account-ids.ts'
import { type CheckedTransfer, checkTransfers } from './checked.ts'
import type { PostingAtOnce, Transfer } from './ledger.ts'
import { listOf } from './read-books.ts'
import type { ChangedAccounts } from './run-group.ts'

export interface PostAtOnceDeps {
  readonly accountIds: AccountIds
  readonly nowMs: number
  readonly onCommitted: (changed: ChangedAccounts) => void
}

/** Undefined for transfers that have no meaning, and while an account is not known by its number yet. */
export function postingAtOnce(
  { accountIds, nowMs, onCommitted }: PostAtOnceDeps,
  transfers: readonly Transfer[],
): PostingAtOnce | undefined {
  const checked: CheckedTransfer[] = []
  for (const outcome of checkTransfers(transfers)) {
    if (!outcome.ok) return undefined
    checked.push(outcome.value)
  }
  const entries = checked.flatMap((transfer, index) =>
    transfer.entries.map((entry) => ({
      ...entry,
      place: index + 1,
      accountId: accountIds.known(entry.name),
    })),
  )
  const ids = entries.flatMap(({ accountId }) => accountId ?? [])
  if (ids.length < entries.length) return undefined
  return {
    numbers: callOf(checked, entries, ids, nowMs),
    committed: (numbers) => onCommitted(changedBy(entries, ids, numbers)),
  }
}

interface PlacedEntry {
  /** Of its transfer, from 1. */
  readonly place: number
  readonly isDebit: boolean
  readonly amount: bigint
}

function callOf(
  transfers: readonly CheckedTransfer[],
  entries: readonly PlacedEntry[],
  ids: readonly bigint[],
  nowMs: number,
): RawBuilder<readonly bigint[]> {
  return sql`ledger_post_at_once(
    ${transfers.map(({ key }) => key)}::text[],
    ${transfers.map(({ contentHash }) => contentHash)}::bytea[],
    ${transfers.map(({ memo }) => memo)}::text[],
    ${nowMs}::bigint,
    ${listOf(entries.map(({ place }) => place))}::int[],
    ${listOf(ids)}::bigint[],
    ${listOf(entries.map(({ isDebit }) => isDebit))}::boolean[],
    ${listOf(entries.map(({ amount }) => amount))}::numeric[])`
}

function changedBy(
  entries: readonly PlacedEntry[],
  ids: readonly bigint[],
  numbers: readonly bigint[],
): ChangedAccounts {
  const changed = new Map<bigint, bigint>()
  for (const [index, { place }] of entries.entries()) {
    const [id, number] = [ids[index], numbers[place - 1]]
    if (id !== undefined && number !== undefined && !changed.has(id)) changed.set(id, number)
  }
  return changed
}
