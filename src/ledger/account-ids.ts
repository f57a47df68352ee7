import { sql } from 'kysely'
import { type AccountName, nameOf } from './checked.ts'
import type { AccountId, LedgerTransaction } from './ledger.ts'

/** What an account may not have less of; undefined: no bound. */
export type FloorRule = (account: AccountId) => bigint | undefined

/** Accounts whose numbers are remembered; with more of them all are forgotten and found again. */
const MAX_REMEMBERED = 100_000

interface AccountIdRow {
  readonly id: bigint
  readonly path: string
  readonly asset: AccountId['asset']
}

/** The numbers of accounts. They never change, so they are asked for once. */
export class AccountIds {
  readonly #floorOf: FloorRule
  readonly #known = new Map<AccountName, bigint>()

  constructor(floorOf: FloorRule) {
    this.#floorOf = floorOf
  }

  /** The numbers of these accounts; those that are not there yet are made, in the transaction of the caller. */
  async of(tx: LedgerTransaction, accounts: ReadonlyMap<AccountName, AccountId>): Promise<readonly bigint[]> {
    const ids: bigint[] = []
    const unknown = new Map<AccountName, AccountId>()
    for (const [name, account] of accounts) {
      const id = this.#known.get(name)
      if (id === undefined) unknown.set(name, account)
      else ids.push(id)
    }
    return unknown.size === 0 ? ids : [...ids, ...(await this.#find(tx, unknown))]
  }

  /** Without asking the database: undefined also for accounts that are there. */
  known(name: AccountName): bigint | undefined {
    return this.#known.get(name)
  }

  /** For numbers that turned out to be of no account, since the transaction that made it was rolled back. */
  forget(): void {
    this.#known.clear()
  }

  async #find(
    tx: LedgerTransaction,
    accounts: ReadonlyMap<AccountName, AccountId>,
  ): Promise<readonly bigint[]> {
    const found = await selectIds(tx, [...accounts.values()])
    const missing = new Map(accounts)
    for (const row of found) {
      missing.delete(nameOf(row))
      this.#remember(row)
    }
    if (missing.size === 0) return found.map(({ id }) => id)
    await this.#insert(tx, [...missing.values()])
    // Not remembered: nobody knows yet whether this transaction will be committed.
    const made = await selectIds(tx, [...missing.values()])
    return [...found, ...made].map(({ id }) => id)
  }

  #remember(row: AccountIdRow): void {
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear()
    this.#known.set(nameOf(row), row.id)
  }

  /**
   * Before any account is locked, and in the order of the paths: whoever makes the same accounts at the same time waits,
   * and never for somebody who waits for him.
   */
  async #insert(tx: LedgerTransaction, accounts: readonly AccountId[]): Promise<void> {
    const floors = accounts.map((account) => this.#floorOf(account)?.toString() ?? null)
    await sql`INSERT INTO ledger_accounts (path, asset, floor)
      SELECT path, asset, floor::numeric
      FROM unnest(${pathsOf(accounts)}::text[], ${assetsOf(accounts)}::text[], ${floors}::text[]) AS a (path, asset, floor)
      ORDER BY path COLLATE "C", asset COLLATE "C"
      ON CONFLICT DO NOTHING`.execute(tx)
  }
}

async function selectIds(
  tx: LedgerTransaction,
  accounts: readonly AccountId[],
): Promise<readonly AccountIdRow[]> {
  const { rows } = await sql<AccountIdRow>`SELECT a.id, a.path, a.asset
    FROM unnest(${pathsOf(accounts)}::text[], ${assetsOf(accounts)}::text[]) AS w (path, asset)
    JOIN ledger_accounts a ON a.path = w.path AND a.asset = w.asset`.execute(tx)
  return rows
}

function pathsOf(accounts: readonly AccountId[]): string[] {
  return accounts.map(({ path }) => path)
}

function assetsOf(accounts: readonly AccountId[]): string[] {
  return accounts.map(({ asset }) => asset)
}
