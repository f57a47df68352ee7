/** The edge of the ledger: what callers ask for becomes values that nobody doubts again, or a sentence that says why not. */
import { hash } from 'node:crypto'
import { ASSETS, accepted, type Outcome, refused } from '../kernel/index.ts'
import {
  ACCOUNT_CLASSES,
  type AccountId,
  type Entry,
  MAX_AMOUNT,
  MAX_ENTRIES,
  MAX_ENTRIES_AT_ONCE,
  MAX_KEY_LENGTH,
  MAX_MEMO_LENGTH,
  MAX_PATH_LENGTH,
  type PostRefusal,
  type ReservationRequest,
  type Transfer,
} from './ledger.ts'

/** One text for a path and an asset. No path holds a blank. */
export type AccountName = string

export interface CheckedEntry {
  readonly name: AccountName
  readonly account: AccountId
  readonly isDebit: boolean
  readonly amount: bigint
  /** What it does to the account's balance, which counts in the account's own direction. */
  readonly change: bigint
}

export interface CheckedTransfer {
  readonly key: string
  readonly memo: string
  readonly entries: readonly CheckedEntry[]
  readonly contentHash: Buffer
}

export interface CheckedReservation {
  readonly request: ReservationRequest
  readonly name: AccountName
  readonly contentHash: Buffer
}

type Invalid = Extract<PostRefusal, { readonly code: 'INVALID' }>

const PATH = new RegExp(`^(?:${Object.keys(ACCOUNT_CLASSES).join('|')})(?:/[a-z0-9._~-]+){1,5}$`)

export function nameOf({ path, asset }: AccountId): AccountName {
  return `${path} ${asset}`
}

/** True for accounts whose balance a debit adds to. */
function isDebitNormal(path: string): boolean {
  return path.startsWith('assets/') || path.startsWith('expenses/')
}

/** Those of one call; all of them are refused when they are too many. */
export function checkTransfers(transfers: readonly Transfer[]): readonly Outcome<CheckedTransfer, Invalid>[] {
  // One without entries, though it is refused, counts as well.
  const weight = transfers.reduce((sum, { entries }) => sum + Math.max(1, entries.length), 0)
  if (weight <= MAX_ENTRIES_AT_ONCE) return transfers.map(checkTransfer)
  const tooMany = invalid(`a call has at most ${MAX_ENTRIES_AT_ONCE} entries in all, this one ${weight}`)
  return transfers.map(() => tooMany)
}

export function checkTransfer(transfer: Transfer): Outcome<CheckedTransfer, Invalid> {
  const { key, memo, entries } = transfer
  const flaw = flawOfTexts(key, memo) ?? flawOfEntries(entries)
  if (flaw !== undefined) return invalid(flaw)
  return accepted({ key, memo, entries: entries.map(checkedEntry), contentHash: hashOfTransfer(transfer) })
}

export function checkReservation(request: ReservationRequest): Outcome<CheckedReservation, Invalid> {
  const { key, memo, account, amount, expiresAtSeconds } = request
  const flaw =
    flawOfTexts(key, memo) ??
    flawOfAccount(account) ??
    flawOfAmount(amount) ??
    (Number.isSafeInteger(expiresAtSeconds) ? undefined : `${expiresAtSeconds} is no time in whole seconds`)
  if (flaw !== undefined) return invalid(flaw)
  const content = [account.path, account.asset, String(amount), expiresAtSeconds, memo]
  return accepted({ request, name: nameOf(account), contentHash: hashOf(content) })
}

/** Of a reservation that is to be closed. */
export function checkReservationKey(key: string): Outcome<string, Invalid> {
  const flaw = flawOfKey(key)
  return flaw === undefined ? accepted(key) : invalid(flaw)
}

/** Why this can be no account; undefined when it can. */
export function flawOfAccount({ path, asset }: AccountId): string | undefined {
  if (!Object.hasOwn(ASSETS, asset)) return `${JSON.stringify(asset)} is no asset of this ledger`
  if (path.length > MAX_PATH_LENGTH || !PATH.test(path)) {
    return `${JSON.stringify(path.slice(0, MAX_PATH_LENGTH))} is no path of an account`
  }
  return undefined
}

function flawOfTexts(key: string, memo: string): string | undefined {
  return flawOfKey(key) ?? flawOfMemo(memo)
}

function flawOfKey(key: string): string | undefined {
  if (key.length > 0 && key.length <= MAX_KEY_LENGTH) return flawOfCharacters('key', key)
  return `a key has 1 to ${MAX_KEY_LENGTH} characters, this one ${key.length}`
}

function flawOfMemo(memo: string): string | undefined {
  if (memo.length <= MAX_MEMO_LENGTH) return flawOfCharacters('memo', memo)
  return `a memo has at most ${MAX_MEMO_LENGTH} characters, this one ${memo.length}`
}

function flawOfCharacters(what: string, text: string): string | undefined {
  const isStorable = !text.includes('\0') && text.isWellFormed()
  return isStorable ? undefined : `a ${what} has no zero character and no half of a surrogate pair`
}

function flawOfEntries(entries: readonly Entry[]): string | undefined {
  if (entries.length < 2 || entries.length > MAX_ENTRIES) {
    return `a transfer has 2 to ${MAX_ENTRIES} entries, this one ${entries.length}`
  }
  const sums = new Map<string, bigint>()
  for (const entry of entries) {
    const flaw = flawOfAccount(entry) ?? flawOfAmount(entry.amount)
    if (flaw !== undefined) return flaw
    const { asset, amount, side } = entry
    sums.set(asset, (sums.get(asset) ?? 0n) + (side === 'debit' ? amount : -amount))
  }
  for (const [asset, sum] of sums) {
    if (sum !== 0n) return `its debits are ${sum} ${asset} more than its credits`
  }
  return undefined
}

function flawOfAmount(amount: bigint): string | undefined {
  return amount > 0n && amount <= MAX_AMOUNT ? undefined : `an amount is positive and at most 2^256 - 1`
}

function checkedEntry(entry: Entry): CheckedEntry {
  const { path, asset, amount } = entry
  const isDebit = entry.side === 'debit'
  const change = isDebit === isDebitNormal(path) ? amount : -amount
  return { name: nameOf(entry), account: { path, asset }, isDebit, amount, change }
}

function hashOfTransfer({ entries, memo }: Transfer): Buffer {
  const rows = entries.map(({ path, asset, side, amount }) => [path, asset, side, String(amount)])
  return hashOf([memo, rows])
}

function hashOf(content: unknown): Buffer {
  return hash('sha256', JSON.stringify(content), 'buffer')
}

function invalid(text: string) {
  return refused({ code: 'INVALID', text } as const)
}
