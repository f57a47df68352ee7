import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createLogger } from '../logging.ts'
import { openDatabase, startDatabase } from './open-database.ts'
import { PREPARED } from './prepared.ts'
import {
  chosenPostgres,
  hasDebianPostgres,
  startTestServer,
  type TestServer,
  testDatabase,
} from './testing/index.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const SETTINGS = { poolSize: 3, statementTimeoutMs: 20_000, connectTimeoutMs: 1_000 }

describe.each([
  { postgres: chosenPostgres(), isThere: true },
  { postgres: 'debian' as const, isThere: chosenPostgres() !== 'debian' && hasDebianPostgres() },
])('a server elsewhere, PostgreSQL of the kind $postgres', ({ postgres, isThere }) => {
  describe.runIf(isThere)('', () => {
    let server: TestServer
    beforeAll(async () => {
      server = await startTestServer(postgres)
    })
    afterAll(() => server.close())

    const options = () => ({ url: server.url(), dataDir: '', logger: pino({ level: 'silent' }), ...SETTINGS })

    test('is opened, migrated, and left running at the end', async () => {
      const first = await openDatabase(options())
      expect(first.embedded).toBe(false)
      expect(await first.health()).toMatchObject({ status: 'ok' })
      expect((await sql`SELECT count(*) AS rows FROM audit_entries`.execute(first.db)).rows).toEqual([
        { rows: 0n },
      ])
      await first.close()
      const second = await openDatabase(options())
      expect(await second.health()).toMatchObject({ status: 'ok' })
      await second.close()
    })

    test('is found again after it was restarted, and after it was killed', async () => {
      const { db, health, close } = await openDatabase(options())
      for (const end of [server.shutDown, server.kill]) {
        await end()
        await expect(sql`SELECT 1`.execute(db)).rejects.toThrow()
        expect(await health()).toMatchObject({ status: 'failed' })
        await server.start()
        expect((await sql`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }])
        expect(await health()).toMatchObject({ status: 'ok' })
      }
      await close()
    })

    test('a connection that breaks within a transaction fails that alone', async () => {
      const { db, close } = await openDatabase(options())
      const broken = db.transaction().execute(async (tx) => {
        const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(tx)
        await sql`SELECT pg_terminate_backend(${rows[0]?.pid})`.execute(db)
        // The server's word arrives while nobody waits for an answer.
        await sleep(200)
        await sql`SELECT 1`.execute(tx)
      })
      await expect(broken).rejects.toThrow()
      expect((await sql`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }])
      await close()
    })

    test('that is down at the start is waited for, and the program may go on meanwhile', async () => {
      await server.shutDown()
      const service = startDatabase(options())
      expect(service.current()).toBeUndefined()
      expect(await service.health()).toMatchObject({ status: 'degraded' })
      await server.start()
      const database = await service.ready
      expect(service.current()).toBe(database)
      expect(await service.health()).toMatchObject({ status: 'ok' })
      await service.stop()
      await expect(sql`SELECT 1`.execute(database.db)).rejects.toThrow()
    })

    test('that stays down does not hold up the stop of the program', async () => {
      await server.shutDown()
      const service = startDatabase(options())
      await service.stop()
      await expect(service.ready).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
      await server.start()
    })

    test('that refuses us is not asked again', async () => {
      const service = startDatabase({ ...options(), url: server.url('not_there') })
      await expect(service.ready).rejects.toMatchObject({ code: 'DATABASE_UNREACHABLE' })
      expect(await service.health()).toEqual({ status: 'failed', code: 'DATABASE_UNREACHABLE' })
      await service.stop()
    })
  })
})

test('a statement that takes longer than it may is given up, and the connection goes on', async () => {
  const { db, close } = await testDatabase({ statementTimeoutMs: 100, poolSize: 1 })
  // 57014: query_canceled
  await expect(sql`SELECT pg_sleep(60)`.execute(db)).rejects.toMatchObject({ code: '57014' })
  expect((await sql`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }])
  await close()
})

test('no more connections are open than the pool has, and who finds none free in time is told', async () => {
  const { db, health, close } = await testDatabase({ poolSize: 2, connectTimeoutMs: 200 })
  const asked = await Promise.allSettled(Array.from({ length: 3 }, () => sql`SELECT pg_sleep(2)`.execute(db)))
  expect(asked.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  expect(await health()).toMatchObject({ status: 'ok', connections: 2, waiting: 0 })
  await close()
})

test('an int8 beyond what a number holds comes back as it is', async () => {
  const { db, close } = await testDatabase()
  const { rows } = await sql`
    SELECT 9223372036854775807::int8 AS whole, ARRAY[1, 2]::int4[] AS list, '{"a":1}'::jsonb AS json`.execute(
    db,
  )
  expect(rows).toEqual([{ whole: 9223372036854775807n, list: [1, 2], json: { a: 1 } }])
  await close()
})

test('a statement that is marked is planned once for its connection, and an array of int8 comes back as it is', async () => {
  const database = await testDatabase()
  const ask = (least: bigint) =>
    database.db.connection().execute(async (db) => {
      const { rows } = await sql<{ list: readonly bigint[] }>`${PREPARED}
        SELECT ARRAY[${least}::bigint, 9223372036854775807] AS list`.execute(db)
      const { rows: kept } = await sql<{ name: string }>`SELECT name FROM pg_prepared_statements`.execute(db)
      return { list: rows[0]?.list, kept: kept.length }
    })
  expect(await ask(-3n)).toEqual({ list: [-3n, 2n ** 63n - 1n], kept: 1 })
  expect(await ask(5n)).toEqual({ list: [5n, 2n ** 63n - 1n], kept: 1 })
  await database.close()
})

test('test databases are apart from each other', async () => {
  const [one, other] = await Promise.all([testDatabase(), testDatabase()])
  await sql`CREATE TABLE mine (number integer)`.execute(one.db)
  await expect(sql`SELECT * FROM mine`.execute(other.db)).rejects.toMatchObject({ code: '42P01' })
  await Promise.all([one.close(), other.close()])
})

test('the password of a database that cannot be reached is in no line of the log', async () => {
  const lines: string[] = []
  const logger = createLogger({ level: 'trace', format: 'json' }, { write: (line) => void lines.push(line) })
  const service = startDatabase({
    url: 'postgresql://stoa:hunter2hunter2@127.0.0.1:1/stoa',
    dataDir: '',
    logger,
    ...SETTINGS,
  })
  await vi.waitFor(() => expect(lines.join('')).toContain('database.unreachable'), 20_000)
  await service.stop()
  expect(lines.join('')).not.toContain('hunter2')
})
