import type { AccountIds } from './account-ids.ts'
import type { AccountName } from './checked.ts'
import { Draft } from './draft.ts'
import type { AccountId, LedgerTransaction } from './ledger.ts'
import { expiredReservationsOf, type Needs, readBooks } from './read-books.ts'
import { writeDraft } from './write-draft.ts'

/** Something to be decided under locks. `decide` may be called several times; only the last one counts. */
export interface Task<T> {
  readonly accounts: readonly (readonly [AccountName, AccountId])[]
  readonly transferKey?: string
  readonly reservationKey?: string
  decide(draft: Draft): T
}

export interface GroupDeps {
  readonly accountIds: AccountIds
  readonly nowMs: number
  /** See `Books`. Numbers drawn here are added when they are written. */
  readonly ownNumbers: Set<bigint>
}

/** The accounts that a group changed, each with the first of its transfers. */
export type ChangedAccounts = ReadonlyMap<bigint, bigint>

/** Decides and writes a group of tasks in the transaction; who is refused leaves the others as they are. */
export async function runGroup(
  tx: LedgerTransaction,
  { accountIds, nowMs, ownNumbers }: GroupDeps,
  tasks: readonly Task<void>[],
): Promise<ChangedAccounts> {
  const read = await readBooks(tx, accountIds, needsOf(tasks))
  const nowSeconds = Math.floor(nowMs / 1_000)
  const books = { ...read, nowSeconds, ownNumbers }
  let draft = decide(tasks, new Draft(books))
  if (draft.shortWithHeld.size > 0) {
    const expired = await expiredReservationsOf(tx, [...draft.shortWithHeld], nowSeconds, read.names)
    if (expired.size > 0) {
      const reservations = new Map([...books.reservations, ...expired])
      const freed = new Draft({ ...books, reservations })
      for (const key of expired.keys()) freed.expire(key)
      draft = decide(tasks, freed)
    }
  }
  for (const { id } of draft.newTransfers) ownNumbers.add(id)
  for (const key of draft.newReservations.keys()) ownNumbers.add(draft.reservation(key)!.id)
  await writeDraft(tx, draft, (name) => read.accounts.get(name)!.id, nowMs)
  return changedBy(draft)
}

function decide(tasks: readonly Task<void>[], draft: Draft): Draft {
  for (const task of tasks) task.decide(draft)
  return draft
}

function needsOf(tasks: readonly Task<void>[]): Needs {
  const reservationKeys = tasks.flatMap(({ reservationKey }) => reservationKey ?? [])
  const transferKeys = tasks.flatMap(({ transferKey }) => transferKey ?? [])
  return {
    accounts: new Map(tasks.flatMap(({ accounts }) => accounts)),
    transferKeys,
    reservationKeys,
    numbers: transferKeys.length + reservationKeys.length,
  }
}

function changedBy({ newEntries }: Draft): ChangedAccounts {
  const first = new Map<bigint, bigint>()
  for (const { accountId, transferId } of newEntries) {
    if (!first.has(accountId)) first.set(accountId, transferId)
  }
  return first
}
