import { AppError, accepted, type Outcome, refused } from '../kernel/index.ts'
import type { AccountName, CheckedEntry, CheckedReservation, CheckedTransfer } from './checked.ts'
import type {
  AccountId,
  CommitRefusal,
  PostedTransfer,
  PostRefusal,
  ReservationState,
  ReserveRefusal,
} from './ledger.ts'
import { stateBehind } from './reservation-states.ts'

export interface AccountState {
  readonly id: bigint
  readonly account: AccountId
  readonly balance: bigint
  readonly held: bigint
  readonly floor: bigint | undefined
}

/** What stands under a key: of a transfer or of a reservation. */
export interface KnownTransfer {
  readonly id: bigint
  readonly contentHash: Buffer
}

export interface KnownReservation extends KnownTransfer {
  readonly name: AccountName
  readonly amount: bigint
  readonly state: ReservationState
  readonly expiresAtSeconds: number
  readonly transferKey: string | undefined
}

/** What was read of the database: all that the tasks at hand may touch. */
export interface Books {
  readonly accounts: ReadonlyMap<AccountName, AccountState>
  readonly transfers: ReadonlyMap<string, KnownTransfer>
  readonly reservations: ReadonlyMap<string, KnownReservation>
  /** For transfers and reservations to come, in rising order; at least one for each task. */
  readonly numbers: readonly bigint[]
  readonly nowSeconds: number
  /** Numbers that earlier tries of this group were given, of which nobody knows whether they were committed. */
  readonly ownNumbers: ReadonlySet<bigint>
}

export interface NewTransfer {
  readonly id: bigint
  readonly transfer: CheckedTransfer
}

export interface NewEntry {
  readonly accountId: bigint
  readonly transferId: bigint
  readonly place: number
  readonly isDebit: boolean
  readonly amount: bigint
  readonly balanceAfter: bigint
}

interface Account {
  readonly id: bigint
  readonly account: AccountId
  readonly floor: bigint | undefined
  balance: bigint
  held: bigint
}

/**
 * Decides in memory what becomes of a group of tasks, one after the other, on a copy of the books as they stand under the
 * locks of the transaction; and collects what is to be written. It reads and writes nothing itself.
 */
export class Draft {
  readonly #books: Books
  readonly #accounts = new Map<AccountName, Account>()
  readonly #transfers = new Map<string, KnownTransfer>()
  readonly #reservations = new Map<string, KnownReservation>()
  readonly #claimed = new Set<bigint>()
  #usedNumbers = 0
  readonly newTransfers: NewTransfer[] = []
  readonly newEntries: NewEntry[] = []
  readonly newReservations = new Map<string, CheckedReservation>()
  /** Reservations of the database that are closed. */
  readonly closed = new Set<string>()
  /** Accounts that were found short while something of theirs is held. */
  readonly shortWithHeld = new Set<bigint>()

  constructor(books: Books) {
    this.#books = books
  }

  post(transfer: CheckedTransfer): Outcome<PostedTransfer, PostRefusal> {
    const { key, contentHash, entries } = transfer
    const known = this.#transfers.get(key) ?? this.#books.transfers.get(key)
    if (known !== undefined) return this.#again(key, known, contentHash)
    const short = this.#shortage(entries)
    if (short !== undefined) return refused(short)
    const id = this.#nextNumber()
    this.#transfers.set(key, { id, contentHash })
    this.newTransfers.push({ id, transfer })
    for (const [place, { name, isDebit, amount, change }] of entries.entries()) {
      const account = this.#account(name)
      account.balance += change
      const balanceAfter = account.balance
      this.newEntries.push({ accountId: account.id, transferId: id, place, isDebit, amount, balanceAfter })
    }
    return accepted({ id, isNew: true })
  }

  reserve(wanted: CheckedReservation): Outcome<{ readonly isNew: boolean }, ReserveRefusal> {
    const { request, name, contentHash } = wanted
    const { key, amount, expiresAtSeconds } = request
    const known = this.#ripe(key)
    if (known !== undefined) {
      const again = this.#again(key, known, contentHash)
      if (!again.ok) return again
      const { isNew } = again.value
      // What an earlier try of this group made was made, though a later task of it may have closed it.
      return isNew || known.state === 'open' ? accepted({ isNew }) : notOpen(known.state)
    }
    if (expiresAtSeconds <= this.#books.nowSeconds) {
      return refused({ code: 'INVALID', text: 'the reservation would have expired before it was made' })
    }
    const account = this.#account(name)
    const missing = missingOf(account, -amount)
    if (missing > 0n) return refused(this.#short(account, missing))
    account.held += amount
    const id = this.#nextNumber()
    const rest = { state: 'open', transferKey: undefined } as const
    this.#reservations.set(key, { id, contentHash, name, amount, expiresAtSeconds, ...rest })
    this.newReservations.set(key, wanted)
    return accepted({ isNew: true })
  }

  commit(key: string, transfer: CheckedTransfer): Outcome<PostedTransfer, CommitRefusal> {
    const known = this.#ripe(key)
    if (known === undefined) return refused({ code: 'NOT_FOUND', key })
    const state = stateBehind(known.state, 'commit')
    if (state === undefined) {
      return known.transferKey === transfer.key ? this.post(transfer) : notOpen(known.state)
    }
    const account = this.#account(known.name)
    account.held -= known.amount
    const outcome = this.post(transfer)
    account.held += known.amount
    if (outcome.ok) this.#close(key, known, state, transfer.key)
    return outcome
  }

  /** Voiding what is closed without a transfer changes nothing and is accepted. */
  void(key: string): Outcome<undefined, CommitRefusal> {
    const known = this.#ripe(key)
    if (known === undefined) return refused({ code: 'NOT_FOUND', key })
    if (known.state === 'committed') return notOpen(known.state)
    const state = stateBehind(known.state, 'void')
    if (state !== undefined) this.#close(key, known, state)
    return accepted(undefined)
  }

  /** Closes it if its time has come. True when this did. */
  expire(key: string): boolean {
    const before = this.reservation(key)?.state
    return before === 'open' && this.#ripe(key)?.state === 'expired'
  }

  /** As it is by now. */
  reservation(key: string): KnownReservation | undefined {
    const known = this.#reservations.get(key) ?? this.#books.reservations.get(key)
    // Made by somebody else while this group was locking accounts: its account is none of them.
    return known !== undefined && this.#books.accounts.has(known.name) ? known : undefined
  }

  /** A reservation whose time has come is closed before anything is done with it. */
  #ripe(key: string): KnownReservation | undefined {
    const known = this.reservation(key)
    if (known === undefined || known.expiresAtSeconds > this.#books.nowSeconds) return known
    const state = stateBehind(known.state, 'expire')
    return state === undefined ? known : this.#close(key, known, state)
  }

  #close(
    key: string,
    known: KnownReservation,
    state: ReservationState,
    transferKey?: string,
  ): KnownReservation {
    this.#account(known.name).held -= known.amount
    const after = { ...known, state, transferKey }
    this.#reservations.set(key, after)
    if (!this.newReservations.has(key)) this.closed.add(key)
    return after
  }

  /** The answer to a key that is known: new only to the group that made it and was not told so. */
  #again(key: string, known: KnownTransfer, contentHash: Buffer): Outcome<PostedTransfer, PostRefusal> {
    if (!known.contentHash.equals(contentHash)) return refused({ code: 'KEY_REUSED', key })
    const isNew = this.#books.ownNumbers.has(known.id) && !this.#claimed.has(known.id)
    this.#claimed.add(known.id)
    return accepted({ id: known.id, isNew })
  }

  /** The first account that the entries together would take below its floor. */
  #shortage(entries: readonly CheckedEntry[]): PostRefusal | undefined {
    const changes = new Map<AccountName, bigint>()
    for (const { name, change } of entries) changes.set(name, (changes.get(name) ?? 0n) + change)
    for (const [name, change] of changes) {
      const account = this.#account(name)
      const missing = missingOf(account, change)
      if (missing > 0n) return this.#short(account, missing)
    }
    return undefined
  }

  #short({ id, held, account }: Account, missing: bigint): PostRefusal {
    if (held > 0n) this.shortWithHeld.add(id)
    return { code: 'SHORT_FUNDS', account, missing }
  }

  #account(name: AccountName): Account {
    const known = this.#accounts.get(name)
    if (known !== undefined) return known
    const read = this.#books.accounts.get(name)
    if (read === undefined) throw new AppError('INTERNAL', `the account ${name} was not read`)
    const account = { ...read }
    this.#accounts.set(name, account)
    return account
  }

  #nextNumber(): bigint {
    const number = this.#books.numbers[this.#usedNumbers++]
    if (number === undefined) throw new AppError('INTERNAL', 'too few numbers were drawn')
    return number
  }
}

/** How much the account lacks for this change; not positive when it lacks nothing. */
function missingOf({ balance, held, floor }: Account, change: bigint): bigint {
  if (change >= 0n || floor === undefined) return 0n
  return floor - (balance + change - held)
}

function notOpen(state: ReservationState) {
  return refused({ code: 'NOT_OPEN', state } as const)
}
