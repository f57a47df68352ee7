/** The door of the ledger: accounts, balanced transfers, reservations. */
export type { FloorRule } from './account-ids.ts'
export { createLedger, type LedgerDeps, type LedgerService, type LedgerStats } from './create-ledger.ts'
export {
  ACCOUNT_CLASSES,
  type AccountChange,
  type AccountClass,
  type AccountFacts,
  type AccountId,
  type AccountsQuery,
  type Balance,
  type CommitRefusal,
  type Entry,
  type Ledger,
  type LedgerTransaction,
  MAX_AMOUNT,
  MAX_ENTRIES,
  MAX_ENTRIES_AT_ONCE,
  MAX_KEY_LENGTH,
  MAX_MEMO_LENGTH,
  MAX_PATH_LENGTH,
  type PostedTransfer,
  type PostingAtOnce,
  type PostRefusal,
  type ReservationRequest,
  type ReservationState,
  type ReserveRefusal,
  type StatementLine,
  type StatementPage,
  type StatementQuery,
  type Transfer,
  type TrialBalanceLine,
} from './ledger.ts'
export { registerLedgerMetrics } from './metrics.ts'

export { trialBalanceOf } from './trial-balance.ts'
