import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import { pino } from 'pino'
import type { ConnectionSettings, Database } from '../database.ts'
import { type Migration, migrate, readMigrations } from '../migrations.ts'
import { openDatabase } from '../open-database.ts'
import { chosenPostgres, type PostgresUnderTest } from './postgres-under-test.ts'
import { startTestServer, type TestServer } from './test-server.ts'

export interface TestDatabaseOptions extends Partial<ConnectionSettings> {
  /** `STOA_TEST_POSTGRES`, or the embedded one, when absent. */
  readonly postgres?: PostgresUnderTest
}

const SETTINGS: ConnectionSettings = { poolSize: 8, statementTimeoutMs: 20_000, connectTimeoutMs: 5_000 }
const TEMPLATE = 'template_stoa'

/** One server of each kind in a process, started when it is first asked for. */
const servers = new Map<PostgresUnderTest, Promise<TestServer>>()

/**
 * A fresh, migrated database of a test file's own, a copy of a template on a server that the whole process shares: some
 * 50 ms each, and about a second for the first. `close` drops it.
 *
 * @example
 * let database: Database
 * beforeAll(async () => { database = await testDatabase() })
 * afterAll(() => database.close())
 */
export async function testDatabase({
  postgres = chosenPostgres(),
  ...settings
}: TestDatabaseOptions = {}): Promise<Database> {
  const server = await sharedServer(postgres)
  const name = `test_${randomBytes(6).toString('hex')}`
  await runOn(server, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`)
  const database = await openDatabase({
    url: server.url(name),
    dataDir: '',
    logger: pino({ level: 'silent' }),
    ...SETTINGS,
    ...settings,
  })
  return {
    ...database,
    close: async () => {
      await database.close()
      await runOn(server, `DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}

/**
 * Brings an empty database to the migration `upTo`, runs `insert` (SQL that makes rows as that version would), migrates
 * the rest of the way, and hands over the connection: for a test that data of every past version lives on.
 */
export async function migrateWithData(
  { upTo, insert, migrations = readMigrations(), postgres = chosenPostgres() }: DataMigration,
  check: (client: Client) => Promise<void>,
): Promise<void> {
  const server = await sharedServer(postgres)
  const name = `test_${randomBytes(6).toString('hex')}`
  await runOn(server, `CREATE DATABASE ${name}`)
  const client = new Client({ connectionString: server.url(name) })
  try {
    await migrate(
      server.url(name),
      migrations.filter(({ number }) => number <= upTo),
    )
    await client.connect()
    if (insert !== '') await client.query(insert)
    await migrate(server.url(name), migrations)
    await check(client)
  } finally {
    await client.end()
    await runOn(server, `DROP DATABASE ${name} WITH (FORCE)`)
  }
}

export interface DataMigration {
  /** The number of the last migration before the data comes in; 0 is an empty database. */
  readonly upTo: number
  readonly insert: string
  readonly migrations?: readonly Migration[]
  readonly postgres?: PostgresUnderTest
}

function sharedServer(postgres: PostgresUnderTest): Promise<TestServer> {
  const found = servers.get(postgres)
  if (found !== undefined) return found
  const started = startWithTemplate(postgres)
  servers.set(postgres, started)
  return started
}

async function startWithTemplate(postgres: PostgresUnderTest): Promise<TestServer> {
  const server = await startTestServer(postgres)
  await runOn(server, `CREATE DATABASE ${TEMPLATE}`)
  await migrate(server.url(TEMPLATE), readMigrations())
  return server
}

async function runOn(server: TestServer, sql: string): Promise<void> {
  const client = new Client({ connectionString: server.url() })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
