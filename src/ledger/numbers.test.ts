import { expect, test, vi } from 'vitest'
import { migrateWithData } from '../platform/database/testing/index.ts'

vi.setConfig({ testTimeout: 60_000 })

/** Books as a restore of the version before left them: the sequence stands behind the transfers alone. */
const BOOKS = `
  INSERT INTO ledger_accounts (path, asset) VALUES ('assets/cash', 'msat');
  INSERT INTO ledger_reservations (key, id, account_id, amount, state, expires_at, memo, content_hash)
    SELECT 'r' || n, 40 + n, id, 1, 'open', 9, '', decode(repeat('07', 32), 'hex')
    FROM ledger_accounts, generate_series(1, 10) n;
  SELECT setval('ledger_numbers', 41)`

test.each([
  ['goes on behind the highest of transfers and reservations', BOOKS, '51'],
  ['stays where it is when it is there already', `${BOOKS}; SELECT setval('ledger_numbers', 60)`, '61'],
  ['begins with one in a database that is empty', '', '1'],
])('by a migration the sequence of numbers %s', async (_what, insert, next) => {
  await migrateWithData({ upTo: 10, insert }, async (client) => {
    const { rows } = await client.query("SELECT nextval('ledger_numbers')")
    expect(rows).toEqual([{ nextval: next }])
  })
})
