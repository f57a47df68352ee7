import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createManualClock } from '../kernel/index.ts'
import { type Database, openDatabase } from '../platform/database/index.ts'
import { testDatabase } from '../platform/database/testing/index.ts'
import { type AuditRecord, createAuditLog, verifyAuditChain } from './index.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const CHILD = fileURLToPath(new URL('./testing-child.ts', import.meta.url))
const BAN: AuditRecord = {
  actor: 'a'.repeat(64),
  role: 'operator',
  action: 'relay.banned',
  subject: 'b'.repeat(64),
}

let database: Database
const clock = createManualClock(1_700_000_000_000)

// The first one starts the server, which may take longer than a test has.
beforeAll(async () => (await testDatabase()).close())
beforeEach(async () => {
  database = await testDatabase()
})
afterEach(() => database.close())

test('a row says who did what to whom, when, and how things stood before and after', async () => {
  const audit = log()
  await record({
    ...BAN,
    before: null,
    after: { banned: true, reason: 'spam, "loud"', amount: '12', list: [1, 'ü'] },
  })
  expect(await audit.list()).toEqual([
    {
      number: 1,
      atMs: 1_700_000_000_000,
      ...BAN,
      before: null,
      after: { banned: true, reason: 'spam, "loud"', amount: '12', list: [1, 'ü'] },
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  ])
})

test('a row is there when its transaction is, and leaves no gap when it is not', async () => {
  await record(BAN)
  await expect(
    database.db.transaction().execute(async (tx) => {
      await log().record(tx, BAN)
      throw new Error('the change failed')
    }),
  ).rejects.toThrow('the change failed')
  expect(await record(BAN)).toMatchObject({ number: 2 })
  expect(await verify()).toMatchObject({ ok: true, value: { entries: 2 } })
})

test('the hash can be computed anew by anybody from what the page of the part says', async () => {
  const first = await record(BAN)
  const second = await record({ ...BAN, after: { a: 1 } })
  const bytes = JSON.stringify([
    'stoa-audit-1',
    first.hash,
    '2',
    '1700000000000',
    BAN.actor,
    BAN.role,
    BAN.action,
    BAN.subject,
    null,
    '{"a":1}',
  ])
  expect(second.hash).toBe(createHash('sha256').update(bytes).digest('hex'))
})

test('a row says which API key somebody used, and its hash is over that too', async () => {
  const first = await record(BAN)
  const apiKey = { id: '0123456789abcdef', name: 'the bot' }
  const second = await record({ ...BAN, apiKey })
  expect(await log().list()).toMatchObject([{ number: 2, actor: BAN.actor, apiKey }, { number: 1 }])
  expect((await log().list())[1]).not.toHaveProperty('apiKey')
  const { actor, role, action, subject } = BAN
  const fields = [actor, role, action, subject, null, null, apiKey.id, apiKey.name]
  const bytes = JSON.stringify(['stoa-audit-1', first.hash, '2', '1700000000000', ...fields])
  expect(second.hash).toBe(createHash('sha256').update(bytes).digest('hex'))
  expect(await verify()).toMatchObject({ ok: true, value: { entries: 2 } })
  await sql`ALTER TABLE audit_entries DISABLE TRIGGER audit_entries_are_kept`.execute(database.db)
  await sql`UPDATE audit_entries SET api_key_name = 'another' WHERE number = 2`.execute(database.db)
  expect(await verify()).toMatchObject({ ok: false, refusal: { code: 'ROW_CHANGED', number: 2 } })
})

test('many writers at once make one chain without a fork and without a gap', async () => {
  const { db } = database
  const others = await Promise.all([testConnection(), testConnection()])
  const writers = [db, ...others.map((other) => other.db)]
  await Promise.all(
    Array.from({ length: 90 }, (_, index) =>
      writers[index % writers.length]!.transaction().execute((tx) =>
        log().record(tx, { ...BAN, subject: String(index) }),
      ),
    ),
  )
  expect(await verify()).toMatchObject({ ok: true, value: { entries: 90, head: { number: 90 } } })
  const subjects = (await log().list({ limit: 500 })).map(({ subject }) => Number(subject))
  expect(subjects.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 90 }, (_, index) => index))
  for (const other of others) await other.close()
})

test('a transaction that sees an older state than the last row fails, and forks nothing', async () => {
  await record(BAN)
  await expect(
    database.db
      .transaction()
      .setIsolationLevel('serializable')
      .execute(async (tx) => {
        await tx.selectFrom('audit_entries').select('number').execute()
        await record(BAN)
        await log().record(tx, BAN)
      }),
  ).rejects.toMatchObject({ code: expect.stringMatching(/^(23505|40001)$/) })
  expect(await verify()).toMatchObject({ ok: true, value: { entries: 2 } })
})

test.each([
  ['UPDATE audit_entries SET actor = actor', 'an update'],
  ['DELETE FROM audit_entries', 'a deletion'],
  ['TRUNCATE audit_entries', 'emptying the table'],
])('%s is refused by the database', async (statement) => {
  await record(BAN)
  await expect(sql.raw(statement).execute(database.db)).rejects.toMatchObject({ code: '42501' })
  expect(await verify()).toMatchObject({ ok: true, value: { entries: 1 } })
})

describe('whoever gets round the trigger is found out:', () => {
  test.each([
    ["UPDATE audit_entries SET actor = 'nobody' WHERE number = 3", 'ROW_CHANGED', 3],
    ["UPDATE audit_entries SET role = 'owner' WHERE number = 1", 'ROW_CHANGED', 1],
    ["UPDATE audit_entries SET subject = 'x' WHERE number = 5", 'ROW_CHANGED', 5],
    ['UPDATE audit_entries SET at_ms = at_ms + 1 WHERE number = 2', 'ROW_CHANGED', 2],
    ['UPDATE audit_entries SET after_json = \'{ "a":1}\' WHERE number = 4', 'ROW_CHANGED', 4],
    ["UPDATE audit_entries SET before_json = 'null' WHERE number = 4", 'ROW_CHANGED', 4],
    ['DELETE FROM audit_entries WHERE number = 3', 'ROW_MISSING', 3],
    ['DELETE FROM audit_entries WHERE number = 1', 'ROW_MISSING', 1],
    ["UPDATE audit_entries SET hash = decode(repeat('07', 32), 'hex') WHERE number = 2", 'ROW_CHANGED', 2],
    [
      "UPDATE audit_entries SET previous_hash = decode(repeat('07', 32), 'hex') WHERE number = 4",
      'CHAIN_BROKEN',
      4,
    ],
    ['DELETE FROM audit_entries WHERE number >= 4', 'ROW_MISSING', 4],
  ])('%s', async (statement, code, number) => {
    for (let row = 1; row <= 5; row++) await record({ ...BAN, after: { a: 1 } })
    const noted = await log().head()
    expect(await verify([noted!])).toMatchObject({ ok: true })
    await sql`ALTER TABLE audit_entries DISABLE TRIGGER ALL`.execute(database.db)
    await sql.raw(statement).execute(database.db)
    expect(await verify([noted!])).toMatchObject({ ok: false, refusal: { code, number } })
  })

  test('a chain that was written anew from a row on differs from a checkpoint', async () => {
    for (let row = 1; row <= 3; row++) await record(BAN)
    const noted = (await log().head())!
    await sql`ALTER TABLE audit_entries DISABLE TRIGGER ALL`.execute(database.db)
    await sql`DELETE FROM audit_entries WHERE number > 1`.execute(database.db)
    for (let row = 2; row <= 4; row++) await record({ ...BAN, actor: 'cli' })
    expect(await verify()).toMatchObject({ ok: true })
    expect(await verify([noted])).toMatchObject({
      ok: false,
      refusal: { code: 'CHECKPOINT_DIFFERS', number: 3 },
    })
  })
})

test('pages come newest first, without a row twice, and can be narrowed', async () => {
  for (let row = 1; row <= 7; row++) await record({ ...BAN, action: row % 2 === 0 ? 'even' : 'odd' })
  const audit = log()
  const numbers = async (query: Parameters<typeof audit.list>[0]) =>
    (await audit.list(query)).map(({ number }) => number)
  expect(await numbers({ limit: 3 })).toEqual([7, 6, 5])
  expect(await numbers({ limit: 3, beforeNumber: 5 })).toEqual([4, 3, 2])
  expect(await numbers({ action: 'even' })).toEqual([6, 4, 2])
  expect(await numbers({ actor: 'cli' })).toEqual([])
  expect(await numbers({ subject: BAN.subject, limit: 1 })).toEqual([7])
})

test('a chain longer than a page of the check is checked to its end', async () => {
  await database.db.transaction().execute(async (tx) => {
    for (let row = 1; row <= 2_003; row++) await log().record(tx, BAN)
  })
  expect(await verify()).toMatchObject({ ok: true, value: { entries: 2_003 } })
  await sql`ALTER TABLE audit_entries DISABLE TRIGGER ALL`.execute(database.db)
  await sql`UPDATE audit_entries SET actor = 'cli' WHERE number = 2001`.execute(database.db)
  expect(await verify()).toMatchObject({ ok: false, refusal: { code: 'ROW_CHANGED', number: 2_001 } })
})

test.each([
  ['a zero character', { subject: 'a\0b' }],
  ['half a character', { actor: '\ud800' }],
  ['no action', { action: '' }],
  ['a name without end', { role: 'x'.repeat(257) }],
  ['too much', { after: 'x'.repeat(70_000) }],
])('an entry with %s is refused before it reaches the database', async (_what, change) => {
  await expect(record({ ...BAN, ...change })).rejects.toMatchObject({ code: 'AUDIT_INVALID' })
  expect(await verify()).toMatchObject({ ok: true, value: { entries: 0 } })
})

test('after a writer was killed the chain is whole, and every row that it was told of is there', async () => {
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, [CHILD, database.url], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines: string[] = []
    const reader = createInterface(child.stdout)
    reader.on('line', (line) => lines.push(line))
    await vi.waitFor(() => expect(lines.length).toBeGreaterThan(30 * (round + 1)), {
      timeout: 60_000,
      interval: 3,
    })
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
    const checked = await verify()
    expect(checked).toMatchObject({ ok: true })
    expect(checked.ok && checked.value.entries).toBeGreaterThanOrEqual(Number(lines.at(-1)))
    // The lock went with it.
    await record(BAN)
  }
})

function log() {
  return createAuditLog({ db: database.db, clock })
}

function record(entry: AuditRecord) {
  return database.db.transaction().execute((tx) => log().record(tx, entry))
}

function verify(checkpoints?: Parameters<typeof verifyAuditChain>[1]) {
  return verifyAuditChain(database.db, checkpoints)
}

/** Another program on the same database. */
async function testConnection() {
  return openDatabase({
    url: database.url,
    dataDir: '',
    logger: pino({ level: 'silent' }),
    poolSize: 4,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 20_000,
  })
}
