/** The port of the ledger: what every part that moves money knows of it. Amounts are in the asset's smallest unit. */
import type { RawBuilder, Transaction } from 'kysely'
import type { Asset, Outcome } from '../kernel/index.ts'
import type { Tables } from '../platform/database/index.ts'

/** The first segment of an account's path, and what its balance counts. */
export const ACCOUNT_CLASSES = {
  assets: 'debit',
  expenses: 'debit',
  liabilities: 'credit',
  revenue: 'credit',
  equity: 'credit',
} as const

export type AccountClass = keyof typeof ACCOUNT_CLASSES

/** A path (`liabilities/credit/<pubkey>`) and an asset: one path may be kept in several assets. */
export interface AccountId {
  /** Two to six segments of `[a-z0-9._~-]`, at most 200 characters; the first is an `AccountClass`. */
  readonly path: string
  readonly asset: Asset
}

/** Entries of one transfer. */
export const MAX_ENTRIES = 1_000
/** Entries of all transfers of one call; with more of them all are `INVALID`. */
export const MAX_ENTRIES_AT_ONCE = 50_000
/** Characters of a key, of a transfer or a reservation. */
export const MAX_KEY_LENGTH = 200
export const MAX_MEMO_LENGTH = 200
export const MAX_PATH_LENGTH = 200
/** The largest amount: what a token of 256 bits can hold. */
export const MAX_AMOUNT = 2n ** 256n - 1n

/** One side of a transfer. */
export interface Entry extends AccountId {
  readonly side: 'debit' | 'credit'
  /** Positive. */
  readonly amount: bigint
}

/** Balanced for each asset of its own: its debits are its credits. Never changed once posted. */
export interface Transfer {
  /**
   * Chosen by the caller, 1 to `MAX_KEY_LENGTH` characters; the same key with the same content (entries in the same order,
   * memo) is posted once, with another content refused. Reservations have keys of their own.
   */
  readonly key: string
  /** Two to `MAX_ENTRIES`. */
  readonly entries: readonly Entry[]
  /** For people: at most 200 characters, no secrets. */
  readonly memo: string
}

export interface PostedTransfer {
  readonly id: bigint
  /** False when it had been posted before, with this content. */
  readonly isNew: boolean
}

export type PostRefusal =
  /** The account would have had less than its floor; nothing of the transfer was posted. */
  | { readonly code: 'SHORT_FUNDS'; readonly account: AccountId; readonly missing: bigint }
  /** The key is of another transfer or reservation. */
  | { readonly code: 'KEY_REUSED'; readonly key: string }
  /** It has no meaning (not balanced, an amount that is not positive, a path or a key that is none), or the call is too large. */
  | { readonly code: 'INVALID'; readonly text: string }
  /** More transfers wait than may; nothing was posted. */
  | { readonly code: 'BUSY' }

export interface ReservationRequest {
  readonly key: string
  readonly account: AccountId
  /** Positive: so much of the balance is held. */
  readonly amount: bigint
  readonly expiresAtSeconds: number
  readonly memo: string
}

/** `open` until it is committed, voided or expired, and then for ever what it became. */
export type ReservationState = 'open' | 'committed' | 'voided' | 'expired'

export type ReserveRefusal =
  | PostRefusal
  /** It was made before, with this content, and is voided, expired or committed by now: it holds nothing. */
  | { readonly code: 'NOT_OPEN'; readonly state: ReservationState }

export type CommitRefusal =
  | PostRefusal
  | { readonly code: 'NOT_FOUND'; readonly key: string }
  /** It is voided, expired, or committed with another transfer. */
  | { readonly code: 'NOT_OPEN'; readonly state: ReservationState }

export interface Balance extends AccountId {
  /** In the account's own direction: of an asset what is there, of a liability what is owed. */
  readonly balance: bigint
  /** Of it, what reservations hold. */
  readonly held: bigint
}

export interface AccountFacts extends Balance {
  /** The database refuses less; undefined when there is no bound. */
  readonly floor: bigint | undefined
}

export interface StatementLine {
  readonly transferId: bigint
  readonly key: string
  readonly memo: string
  readonly atMs: number
  readonly side: 'debit' | 'credit'
  readonly amount: bigint
  /** The account's balance behind this line. */
  readonly balance: bigint
}

export interface StatementPage {
  /** Newest first. */
  readonly lines: readonly StatementLine[]
  /** For `before` of the next page, which may turn out to be empty; undefined at the end. */
  readonly next: bigint | undefined
}

export interface StatementQuery {
  /** Unix milliseconds, inclusive. */
  readonly fromMs?: number
  /** Unix milliseconds, exclusive. */
  readonly toMs?: number
  /** Lines older than this transfer: `next` of the page before. */
  readonly before?: bigint
  /** At most 1,000; default 100. */
  readonly limit?: number
}

export interface AccountChange extends Balance {
  readonly transferId: bigint
}

export interface TrialBalanceLine {
  readonly asset: Asset
  readonly debits: bigint
  readonly credits: bigint
  /** Accounts whose balance is not the sum of their entries; 0 in sound books. */
  readonly wrongBalances: number
}

/** A transaction of the caller, with which the posting stands or falls. */
export type LedgerTransaction = Transaction<Tables>

/** What posts all transfers, or fails with the whole statement: when one is refused, or its key is known already. */
export interface PostingAtOnce {
  /** Evaluated once; gives the numbers of the transfers. */
  readonly numbers: RawBuilder<readonly bigint[]>
  /** To be called when the statement was committed: then those hear of it who follow the accounts. */
  committed(numbers: readonly bigint[]): void
}

export interface Ledger {
  /**
   * Posts each transfer on its own: one that is refused leaves the others as they are. What is posted by many callers
   * at the same time goes into one transaction. Resolves when it is durable, in the order of `transfers`, which have
   * at most `MAX_ENTRIES_AT_ONCE`.
   */
  post(transfers: readonly Transfer[]): Promise<readonly Outcome<PostedTransfer, PostRefusal>[]>
  /**
   * As `post`, within a transaction of the caller: it is posted when that is committed. All or, by a rollback, nothing. Nobody
   * here hears of the commit, so whoever follows the accounts hears of it two seconds late.
   */
  postIn(
    tx: LedgerTransaction,
    transfers: readonly Transfer[],
  ): Promise<readonly Outcome<PostedTransfer, PostRefusal>[]>
  /**
   * As `postIn`, as a part of one statement, for who posts often. Undefined when these cannot be posted that way now: then
   * `postIn` can.
   */
  postingAtOnce(transfers: readonly Transfer[]): PostingAtOnce | undefined
  /** Accepted, also with `isNew: false`, when so much is held until it is committed or voided, or its time comes. */
  reserve(request: ReservationRequest): Promise<Outcome<{ readonly isNew: boolean }, ReserveRefusal>>
  /** Frees what is held and posts the transfer, in one step. The same again is accepted with `isNew: false`. */
  commit(reservationKey: string, transfer: Transfer): Promise<Outcome<PostedTransfer, CommitRefusal>>
  /** Frees what is held. Voiding what is voided or expired is accepted. */
  void(reservationKey: string): Promise<Outcome<undefined, CommitRefusal>>
  /** Zero for an account that has never been posted to. */
  balance(account: AccountId): Promise<Balance>
  accounts(query?: AccountsQuery): Promise<readonly AccountFacts[]>
  statement(account: AccountId, query?: StatementQuery): Promise<StatementPage>
  /** For each change of the account by any process, in order of their coming, at most some seconds late; returns how to stop. */
  subscribe(account: AccountId, onChange: (change: AccountChange) => void): () => void
  /**
   * Reads every entry there is. Whoever asks while it is under way gets the same answer.
   *
   * @throws AppError LEDGER_UNAVAILABLE when it takes longer than it may.
   */
  trialBalance(): Promise<readonly TrialBalanceLine[]>
}

export interface AccountsQuery {
  /** Paths that begin with it. */
  readonly prefix?: string
  readonly asset?: Asset
  /** Behind this path; pages go by path and asset. */
  readonly after?: AccountId
  /** At most 1,000; default 100. */
  readonly limit?: number
}
