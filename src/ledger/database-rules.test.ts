/** What the database refuses, whoever asks: these statements do not come from the ledger. */
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import type { LedgerService } from './index.ts'
import { msat, NOW_SECONDS, testLedger, transfer } from './testing/index.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const REFUSED = '42501'
const CHECK = '23514'
const UNIQUE = '23505'
const HASH = `decode(repeat('07', 32), 'hex')`

let database: Database
let ledger: LedgerService

beforeAll(async () => {
  database = await testDatabase()
  ledger = testLedger(database)
  await ledger.post([transfer('fund', { debit: 'assets/cash', credit: 'liabilities/credit/a', amount: 10n })])
  const reservation = { account: msat('liabilities/credit/a'), amount: 3n, memo: '' }
  await ledger.reserve({ ...reservation, key: 'open', expiresAtSeconds: NOW_SECONDS + 60 })
  await ledger.reserve({ ...reservation, key: 'closed', expiresAtSeconds: NOW_SECONDS + 60 })
  await ledger.void('closed')
})
afterAll(async () => {
  await ledger.stop()
  await database.close()
})

/** A transfer of the number with these entries: `path side amount`. */
function posting(id: number, ...entries: readonly string[]): string {
  const rows = entries.map((entry, place) => {
    const [path, side, amount] = entry.split(' ')
    return `((SELECT id FROM ledger_accounts WHERE path = '${path}'), ${id}, ${place}, ${side === 'debit'}, ${amount}, 0)`
  })
  return `INSERT INTO ledger_transfers (id, key, content_hash, memo, at_ms) VALUES (${id}, 'raw ${id}', ${HASH}, '', 0);
    INSERT INTO ledger_entries (account_id, transfer_id, place, is_debit, amount, balance_after) VALUES ${rows.join()}`
}

test.each([
  ['a change of a transfer', `UPDATE ledger_transfers SET memo = 'x'`, REFUSED],
  ['the removal of a transfer', 'DELETE FROM ledger_transfers', REFUSED],
  ['emptying the transfers', 'TRUNCATE ledger_transfers', REFUSED],
  ['a change of an entry', 'UPDATE ledger_entries SET amount = 1', REFUSED],
  ['the removal of an entry', 'DELETE FROM ledger_entries', REFUSED],
  ['emptying the entries', 'TRUNCATE ledger_entries', REFUSED],
  ['the removal of a reservation', 'DELETE FROM ledger_reservations', REFUSED],
  ['the removal of an account', 'DELETE FROM ledger_accounts', REFUSED],
  ['emptying the accounts', 'TRUNCATE ledger_accounts CASCADE', REFUSED],
  ['an account that becomes another', `UPDATE ledger_accounts SET path = 'assets/other'`, REFUSED],
  ['a balance that is nudged', 'UPDATE ledger_accounts SET balance = balance + 1', REFUSED],
  ['a hold that is nudged', 'UPDATE ledger_accounts SET held = 0', REFUSED],
  [
    'an account that begins with something',
    `INSERT INTO ledger_accounts (path, asset, balance) VALUES ('assets/new', 'msat', 1)`,
    REFUSED,
  ],
  [
    'a floor above what is there',
    `UPDATE ledger_accounts SET floor = 8 WHERE path = 'liabilities/credit/a'`,
    CHECK,
  ],
  ['a path that is none', `INSERT INTO ledger_accounts (path, asset) VALUES ('cash', 'msat')`, CHECK],
  [
    'entries that do not balance',
    posting(900, 'assets/cash debit 5', 'liabilities/credit/a credit 4'),
    CHECK,
  ],
  ['one entry', posting(901, 'assets/cash debit 5'), CHECK],
  ['an entry of nothing', posting(902, 'assets/cash debit 0', 'liabilities/credit/a credit 0'), CHECK],
  ['going below what is held', posting(903, 'liabilities/credit/a debit 8', 'assets/cash credit 8'), CHECK],
  [
    'an entry of no account',
    `INSERT INTO ledger_transfers (id, key, content_hash, memo, at_ms) VALUES (904, 'raw', ${HASH}, '', 0);
     INSERT INTO ledger_entries SELECT 999999, 904, n, n = 1, 5, 0 FROM generate_series(0, 1) n`,
    CHECK,
  ],
  [
    'entries for a transfer of long ago',
    `INSERT INTO ledger_entries SELECT account_id, transfer_id, 7, is_debit, amount, 0 FROM ledger_entries`,
    CHECK,
  ],
  [
    'entries without a transfer',
    `INSERT INTO ledger_entries SELECT account_id, 905, place, is_debit, amount, 0 FROM ledger_entries`,
    CHECK,
  ],
  [
    'a key for the second time',
    `INSERT INTO ledger_transfers (id, key, content_hash, memo, at_ms) VALUES (906, 'fund', ${HASH}, '', 0)`,
    UNIQUE,
  ],
  [
    'a reservation that opens again',
    `UPDATE ledger_reservations SET state = 'open' WHERE key = 'closed'`,
    CHECK,
  ],
  [
    'a closed reservation that becomes something else',
    `UPDATE ledger_reservations SET state = 'expired' WHERE key = 'closed'`,
    CHECK,
  ],
  [
    'a reservation of more than it was',
    `UPDATE ledger_reservations SET amount = 4 WHERE key = 'open'`,
    CHECK,
  ],
  [
    'a change of what was reserved while it is closed',
    `UPDATE ledger_reservations SET state = 'voided', amount = 4 WHERE key = 'open'`,
    CHECK,
  ],
  [
    'a commitment without a transfer',
    `UPDATE ledger_reservations SET state = 'committed' WHERE key = 'open'`,
    CHECK,
  ],
])('%s is refused by the database', async (_what, statement, code) => {
  const before = await books()
  await expect(run(statement)).rejects.toMatchObject({ code })
  expect(await books()).toEqual(before)
})

test('the database itself moves the balances when a balanced transfer is written', async () => {
  const statement = posting(950, 'assets/cash debit 5', 'liabilities/credit/b credit 5')
  await run(
    `INSERT INTO ledger_accounts (path, asset, floor) VALUES ('liabilities/credit/b', 'msat', 0); ${statement}`,
  )
  expect((await ledger.balance(msat('liabilities/credit/b'))).balance).toBe(5n)
})

function run(statements: string) {
  return database.db.transaction().execute((tx) => sql.raw(statements).execute(tx))
}

async function books() {
  return [await ledger.accounts(), await ledger.trialBalance()]
}
