import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { migrate, readMigrations } from './migrations.ts'
import {
  chosenPostgres,
  hasDebianPostgres,
  migrateWithData,
  startTestServer,
  type TestServer,
} from './testing/index.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-migrations-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

describe.each([
  { postgres: chosenPostgres(), isThere: true },
  { postgres: 'debian' as const, isThere: chosenPostgres() !== 'debian' && hasDebianPostgres() },
])('on PostgreSQL of the kind $postgres', ({ postgres, isThere }) => {
  describe.runIf(isThere)('', () => {
    let server: TestServer
    let count = 0
    let url: string

    beforeAll(async () => {
      server = await startTestServer(postgres)
    })
    afterAll(() => server.close())

    beforeEach(async () => {
      const name = `trial_${count++}`
      await run(server.url(), `CREATE DATABASE ${name}`)
      url = server.url(name)
    })

    test('migrations are applied in the order of their numbers, once', async () => {
      write('0002_fill.sql', "INSERT INTO a VALUES ('two');")
      write('0001_make.sql', 'CREATE TABLE a (word text);')
      expect(await migrate(url, readMigrations(folder))).toEqual({
        from: 0,
        to: 2,
        applied: ['0001_make.sql', '0002_fill.sql'],
      })
      write('0010_more.sql', "INSERT INTO a VALUES ('ten');")
      expect(await migrate(url, readMigrations(folder))).toEqual({
        from: 2,
        to: 10,
        applied: ['0010_more.sql'],
      })
      expect(await migrate(url, readMigrations(folder))).toEqual({ from: 10, to: 10, applied: [] })
      expect(await run(url, 'SELECT word FROM a ORDER BY word')).toEqual([{ word: 'ten' }, { word: 'two' }])
    })

    test('one that fails is rolled back whole, says where, and those before it stay', async () => {
      write('0001_make.sql', 'CREATE TABLE a (word text);')
      write('0002_break.sql', "INSERT INTO a VALUES ('half');\n\nINSERT INTO nowhere VALUES (1);\n")
      await expect(migrate(url, readMigrations(folder))).rejects.toMatchObject({
        code: 'DATABASE_MIGRATION_FAILED',
        message: expect.stringMatching(/0002_break\.sql failed at line 3: .*nowhere/),
      })
      expect(await run(url, 'SELECT word FROM a')).toEqual([])
      expect(await run(url, 'SELECT number FROM stoa_migrations')).toEqual([{ number: 1 }])
      write('0002_break.sql', "INSERT INTO a VALUES ('whole');")
      expect(await migrate(url, readMigrations(folder))).toMatchObject({ from: 1, to: 2 })
    })

    test('a file that was changed after it was applied is refused, a change of line ends is none', async () => {
      write('0001_make.sql', 'CREATE TABLE a (\n  word text\n);\n')
      await migrate(url, readMigrations(folder))
      write('0001_make.sql', 'CREATE TABLE a (\r\n  word text\r\n);\r\n')
      await migrate(url, readMigrations(folder))
      write('0001_make.sql', 'CREATE TABLE a (\n  word text NOT NULL\n);\n')
      await expect(migrate(url, readMigrations(folder))).rejects.toMatchObject({
        code: 'DATABASE_MIGRATION_CHANGED',
        facts: { migration: '0001_make.sql' },
      })
    })

    test('a database that is ahead of the program is refused, and nothing is changed in it', async () => {
      write('0001_make.sql', 'CREATE TABLE a (word text);')
      write('0002_later.sql', 'CREATE TABLE b (word text);')
      await migrate(url, readMigrations(folder))
      rmSync(join(folder, '0002_later.sql'))
      await expect(migrate(url, readMigrations(folder))).rejects.toMatchObject({
        code: 'DATABASE_NEWER',
        facts: { databaseAt: 2, programKnows: 1 },
      })
      expect(await run(url, 'SELECT number FROM stoa_migrations ORDER BY number')).toHaveLength(2)
    })

    test('a new file with a number below one that is applied is refused', async () => {
      write('0002_second.sql', 'CREATE TABLE a (word text);')
      await migrate(url, readMigrations(folder))
      write('0001_late.sql', 'CREATE TABLE b (word text);')
      await expect(migrate(url, readMigrations(folder))).rejects.toMatchObject({
        code: 'DATABASE_MIGRATION_INVALID',
      })
    })

    test('of programs that start at once, each finds every migration applied exactly once', async () => {
      write('0001_make.sql', 'CREATE TABLE a (word text); SELECT pg_sleep(0.1);')
      write('0002_fill.sql', "INSERT INTO a VALUES ('once');")
      const reports = await Promise.all(Array.from({ length: 4 }, () => migrate(url, readMigrations(folder))))
      expect(reports.map(({ to }) => to)).toEqual([2, 2, 2, 2])
      expect(reports.flatMap(({ applied }) => applied).toSorted()).toEqual(['0001_make.sql', '0002_fill.sql'])
      expect(await run(url, 'SELECT word FROM a')).toEqual([{ word: 'once' }])
    })

    test('the program’s own migrations lead from every past version, with rows in it, to the newest', async () => {
      const migrations = readMigrations()
      for (const { number: upTo } of [{ number: 0 }, ...migrations]) {
        await migrateWithData({ upTo, insert: rowsOf(upTo), migrations, postgres }, async (client) => {
          const { rows } = await client.query('SELECT max(number) AS at FROM stoa_migrations')
          expect(rows, `from ${upTo}`).toEqual([{ at: migrations.at(-1)?.number }])
          const kept = await client.query('SELECT count(*)::int AS rows FROM audit_entries')
          expect(kept.rows, `from ${upTo}`).toEqual([{ rows: upTo === 0 ? 0 : 1 }])
        })
      }
    })
  })
})

test.each(['1_short.sql', '0001-dash.sql', '0000_zero.sql', '0001_Caps.sql'])(
  'a file that is called %s is refused by name',
  (name) => {
    write(name, '')
    expect(() => readMigrations(folder)).toThrow(
      expect.objectContaining({
        code: 'DATABASE_MIGRATION_INVALID',
        message: expect.stringContaining(name),
      }),
    )
  },
)

test('two files with one number are refused, and both are named', () => {
  write('0003_one.sql', '')
  write('0003_other.sql', '')
  expect(() => readMigrations(folder)).toThrow(/0003_one\.sql and 0003_other\.sql/)
})

/** Rows as a program of that version would have made them. */
function rowsOf(version: number): string {
  if (version < 1) return ''
  return `
    INSERT INTO audit_entries VALUES (1, 0, 'cli', 'cli', 'test.made', 'x', NULL, '1',
      decode(repeat('00', 32), 'hex'), decode(repeat('01', 32), 'hex'))`
}

function write(name: string, text: string): void {
  writeFileSync(join(folder, name), text)
}

async function run(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
