import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createMemoryStore } from '../events/memory/index.ts'
import { createManualClock } from '../kernel/index.ts'
import { msat, testLedger, transfer } from '../ledger/testing/index.ts'
import type { Database } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { createBackup } from './create-backup.ts'
import { databaseTables } from './database-tables.ts'
import { restoreBackup } from './restore-backup.ts'

const clock = createManualClock(1_700_000_000_000)
const { signal } = new AbortController()
let from: Database
let into: Database
let root = ''

/** Every type in a shape that a careless copy would change, and tables whose names come in the wrong order. */
const TABLES = `
  CREATE TABLE zz_parents (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
  CREATE TABLE aa_children (
    parent_id bigint NOT NULL REFERENCES zz_parents, "odd ""name" text, amount numeric, bytes bytea, at timestamptz,
    exact json, loose jsonb, words text[], ratio double precision, yes boolean,
    doubled numeric GENERATED ALWAYS AS (amount * 2) STORED
  )`
const ROWS = `
  INSERT INTO zz_parents (name) SELECT 'parent ' || n FROM generate_series(1, 1200) n;
  DELETE FROM zz_parents WHERE id = 3;
  INSERT INTO aa_children VALUES
    (9007199254740993 % 1000, E'line\\nbreak, "quote" \\\\ é😀', 12345678901234567890.000000001, '\\x00ff0a', '2026-01-31 02:00:00.123456+05',
      '{"b": 1,  "a":"\\u00e9"}', 'null', ARRAY['a,b', NULL, '"'], 0.1::float8 + 0.2::float8, NULL),
    (1, NULL, NULL, NULL, NULL, 'null', NULL, NULL, 'NaN', true)`

const run = (database: Database, text: string) => sql.raw(text).execute(database.db)

async function contents(database: Database): Promise<unknown> {
  const children = await sql`select c::text from aa_children c order by 1`.execute(database.db)
  const parents = await sql`select p::text from zz_parents p order by id`.execute(database.db)
  return [children.rows, parents.rows]
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'stoa-tables-'))
  from = await testDatabase()
  into = await testDatabase()
  for (const statement of [...TABLES.split(';'), ...ROWS.split(';')]) await run(from, statement)
  for (const statement of TABLES.split(';')) await run(into, statement)
}, 120_000)

afterAll(async () => {
  await from?.close()
  await into?.close()
  rmSync(root, { recursive: true, force: true })
})

const restore = (database: Database, dataDir: string) =>
  restoreBackup({
    folder: join(root, 'backups'),
    dataDir: join(root, dataDir),
    openStore: async () => createMemoryStore(),
    openTables: async () => ({ ...databaseTables(database.db), close: async () => undefined }),
    clock,
    signal,
  })

test('every value of every table comes back as it was, numbers go on behind the last one, and a full database is refused', async () => {
  const sources = { store: createMemoryStore(), dataDir: root, configFile: undefined, withKeys: false }
  const tables = databaseTables(from.db)
  const options = {
    folder: join(root, 'backups'),
    sources: { ...sources, tables },
    clock,
    version: '1',
    signal,
  }
  const { manifest } = await createBackup(options)
  expect(manifest.database?.tables.find(({ table }) => table === 'zz_parents')?.rows).toBe(1_199)
  expect(manifest.database?.tables.some(({ table }) => table === 'stoa_migrations')).toBe(false)

  expect((await restore(into, 'first')).rows).toBeGreaterThanOrEqual(1_201)
  expect(await contents(into)).toEqual(await contents(from))
  const next = await sql<{ id: bigint }>`insert into zz_parents (name) values ('next') returning id`.execute(
    into.db,
  )
  expect(next.rows).toEqual([{ id: 1_201n }])

  await expect(restore(into, 'second')).rejects.toMatchObject({ code: 'RESTORE_REFUSED' })
  await expect(
    restoreBackup({
      folder: join(root, 'backups'),
      dataDir: join(root, 'third'),
      openStore: async () => createMemoryStore(),
      clock,
      signal,
    }),
  ).rejects.toMatchObject({ code: 'RESTORE_REFUSED' })
}, 120_000)

test('the books come back as they were, and are gone on with', async () => {
  const [before, after] = [await testDatabase(), await testDatabase()]
  const ledger = testLedger(before)
  const [cash, credit] = [msat('assets/cash'), msat('liabilities/credit/alice')]
  // More entries than a restore writes at once, three in a transfer, so that some are cut in two.
  const transfers = Array.from({ length: 400 }, (_, n) => ({
    key: `t${n}`,
    memo: '',
    entries: [
      { ...cash, side: 'debit', amount: 3n },
      { ...credit, side: 'credit', amount: 2n },
      { ...msat('revenue/relay'), side: 'credit', amount: 1n },
    ] as const,
  }))
  await ledger.post(transfers)
  const far = 10_000_000_000
  await ledger.reserve({ key: 'r', account: credit, amount: 100n, expiresAtSeconds: far, memo: '' })
  const folder = join(root, 'books')
  const sources = { store: createMemoryStore(), dataDir: root, configFile: undefined, withKeys: false }
  const tables = databaseTables(before.db)
  await createBackup({ folder, sources: { ...sources, tables }, clock, version: '1', signal })
  await restoreBackup({
    folder,
    dataDir: join(root, 'books-restored'),
    openStore: async () => createMemoryStore(),
    openTables: async () => ({ ...databaseTables(after.db), close: async () => undefined }),
    clock,
    signal,
  })
  const restored = testLedger(after)
  expect(await restored.balance(credit)).toEqual(await ledger.balance(credit))
  expect(await restored.statement(cash)).toEqual(await ledger.statement(cash))
  const again = await restored.post([
    ...transfers.slice(0, 1),
    transfer('new', { debit: cash.path, credit: credit.path, amount: 5n }),
  ])
  expect(again).toMatchObject([{ value: { isNew: false } }, { value: { isNew: true } }])
  // Transfers and reservations share their numbers; the last one had been given to the reservation.
  const { rows } = await sql<{ id: bigint }>`
    select id from ledger_transfers union all select id from ledger_reservations`.execute(after.db)
  expect(new Set(rows.map(({ id }) => id)).size).toBe(402)
  expect(await restored.void('r')).toMatchObject({ ok: true })
  expect(await restored.balance(credit)).toMatchObject({ balance: 805n, held: 0n })
  expect(await restored.trialBalance()).toMatchObject([{ debits: 1205n, credits: 1205n, wrongBalances: 0 }])
  await before.close()
  await after.close()
})

test('a database in which somebody has one row is refused, also where that row could not be removed', async () => {
  const [before, after] = [await testDatabase(), await testDatabase()]
  const folder = join(root, 'one-row')
  const sources = { store: createMemoryStore(), dataDir: root, configFile: undefined, withKeys: false }
  const tables = databaseTables(before.db)
  await createBackup({ folder, sources: { ...sources, tables }, clock, version: '1', signal })
  await run(
    after,
    `INSERT INTO ledger_transfers (id, key, content_hash, memo, at_ms)
     VALUES (1, 'theirs', decode(repeat('07', 32), 'hex'), '', 0)`,
  )
  const restoring = restoreBackup({
    folder,
    dataDir: join(root, 'one-row-restored'),
    openStore: async () => createMemoryStore(),
    openTables: async () => ({ ...databaseTables(after.db), close: async () => undefined }),
    clock,
    signal,
  })
  await expect(restoring).rejects.toMatchObject({
    code: 'RESTORE_REFUSED',
    facts: { table: 'ledger_transfers' },
  })
  await before.close()
  await after.close()
})
