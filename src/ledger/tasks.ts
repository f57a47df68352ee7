/** What callers ask for, as tasks of the writer. */
import type { Outcome } from '../kernel/index.ts'
import type { CheckedReservation, CheckedTransfer } from './checked.ts'
import type { CommitRefusal, PostedTransfer, PostRefusal, ReserveRefusal } from './ledger.ts'
import type { Task } from './run-group.ts'

export function postTask(transfer: CheckedTransfer): Task<Outcome<PostedTransfer, PostRefusal>> {
  return {
    accounts: accountsOf(transfer),
    transferKey: transfer.key,
    decide: (draft) => draft.post(transfer),
  }
}

export function reserveTask(
  reservation: CheckedReservation,
): Task<Outcome<{ readonly isNew: boolean }, ReserveRefusal>> {
  const { name, request } = reservation
  return {
    accounts: [[name, request.account]],
    reservationKey: request.key,
    decide: (draft) => draft.reserve(reservation),
  }
}

export function commitTask(
  reservationKey: string,
  transfer: CheckedTransfer,
): Task<Outcome<PostedTransfer, CommitRefusal>> {
  return {
    accounts: accountsOf(transfer),
    transferKey: transfer.key,
    reservationKey,
    decide: (draft) => draft.commit(reservationKey, transfer),
  }
}

export function voidTask(reservationKey: string): Task<Outcome<undefined, CommitRefusal>> {
  return { accounts: [], reservationKey, decide: (draft) => draft.void(reservationKey) }
}

export function expireTask(reservationKey: string): Task<boolean> {
  return { accounts: [], reservationKey, decide: (draft) => draft.expire(reservationKey) }
}

function accountsOf({ entries }: CheckedTransfer) {
  return entries.map(({ name, account }) => [name, account] as const)
}
