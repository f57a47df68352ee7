import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../database.ts'
import { openDatabase } from '../open-database.ts'
import { copyPreparedCluster } from '../testing/prepared-cluster.ts'
import { isAlive } from './processes.ts'
import { findEmbeddedProgram, findPackage, prepareProgram } from './program.ts'
import { serverUser } from './server-user.ts'

const CHILD = fileURLToPath(new URL('../testing/database-child.ts', import.meta.url))
const SILENT = pino({ level: 'silent' })

// The machine may be busy, and a cluster is a thousand files: nothing here is about time.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

let dataDir: string
const running: { database?: Database; children: ChildProcess[] } = { children: [] }

beforeEach(() => {
  // Entered by its owner alone, as temporary folders are: the server's user cannot pass it.
  dataDir = mkdtempSync(join(tmpdir(), 'stoa-embedded-'))
})

/** For tests that are not about how a cluster is made. */
async function withCluster(folder = dataDir): Promise<void> {
  const user = serverUser()
  await copyPreparedCluster({
    program: findEmbeddedProgram(folder, user),
    user,
    folder: join(folder, 'postgres'),
  })
}

afterEach(async () => {
  for (const child of running.children.splice(0)) await kill(child)
  await running.database?.close()
  delete running.database
  // A server whose program was killed by the test.
  const pid = serverPid()
  if (pid !== undefined && pid !== process.pid && isAlive(pid)) {
    process.kill(pid, 'SIGINT')
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 60_000)
  }
  rmSync(dataDir, { recursive: true, force: true })
})

test('what was written to a database of our own is there after a stop, and the server is gone with it', async () => {
  const first = await open()
  await sql`CREATE TABLE kept AS SELECT 9007199254740993::int8 AS amount`.execute(first.db)
  const pid = serverPid()!
  expect(isAlive(pid)).toBe(true)
  await close()
  expect(isAlive(pid)).toBe(false)
  const { db } = await open()
  expect((await sql`SELECT amount FROM kept`.execute(db)).rows).toEqual([{ amount: 9007199254740993n }])
})

test('the server can be reached by its socket in the data folder only, keeps what it writes, and speaks UTF-8', async () => {
  await withCluster()
  const { db, url, embedded } = await open()
  expect(embedded).toBe(true)
  expect(decodeURIComponent(url)).toContain(join(dataDir, 'postgres'))
  const settings = await sql<{ name: string; setting: string }>`
    SELECT name, setting FROM pg_settings
    WHERE name IN ('listen_addresses', 'fsync', 'synchronous_commit', 'full_page_writes', 'server_encoding',
      'unix_socket_permissions')`.execute(db)
  expect(Object.fromEntries(settings.rows.map(({ name, setting }) => [name, setting]))).toEqual({
    listen_addresses: '',
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    server_encoding: 'UTF8',
    unix_socket_permissions: '0700',
  })
})

test('a second program on the same data folder is refused, and the first goes on', async () => {
  await withCluster()
  const { db } = await open()
  const second = startChild()
  expect(await second.line()).toBe('DATABASE_LOCKED')
  await expect(openDatabase(options())).rejects.toMatchObject({
    code: 'DATABASE_LOCKED',
    facts: { pid: process.pid },
  })
  expect((await sql`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }])
})

test('of several programs that start at once on an empty folder, exactly one gets it', async () => {
  const children = Array.from({ length: 3 }, () => startChild())
  const lines = await Promise.all(children.map((child) => child.line()))
  expect(lines.filter((line) => line === 'open')).toHaveLength(1)
  expect(lines.filter((line) => line === 'DATABASE_LOCKED')).toHaveLength(2)
})

test('after a program was killed its server is stopped by the next one, and every acknowledged row is there', async () => {
  await withCluster()
  let next = 0
  for (let round = 0; round < 3; round++) {
    const child = startChild(next)
    expect(await child.line()).toBe('open')
    await child.linesUntil(40 * (round + 1))
    const left = serverPid()!
    await kill(child.process)
    next = child.lastNumber() + 1
    expect(isAlive(left), `round ${round}`).toBe(true)
    await expectNumbers(next)
    expect(isAlive(left), `round ${round}`).toBe(false)
    // The row that was under way may be there as well.
    next = (await numbers()) as number
    await close()
  }
})

test('after program and server were killed together the folder is taken, and every acknowledged row is there', async () => {
  await withCluster()
  const child = startChild()
  expect(await child.line()).toBe('open')
  await child.linesUntil(50)
  process.kill(serverPid()!, 'SIGKILL')
  await kill(child.process)
  expect(existsSync(join(dataDir, 'postgres/postmaster.pid'))).toBe(true)
  await expectNumbers(child.lastNumber() + 1)
})

test('the number of a dead server that now belongs to another process is no obstacle', async () => {
  await withCluster()
  await open()
  const pidFile = join(dataDir, 'postgres/postmaster.pid')
  const left = readFileSync(pidFile, 'latin1')
  await close()
  const stranger = spawn('sleep', ['60'], { ...serverUser() })
  running.children.push(stranger)
  writeFileSync(pidFile, left.replace(/^\d+/, String(stranger.pid)))
  const user = serverUser()
  if (user !== undefined) chownSync(pidFile, user.uid, user.gid)
  const { db } = await open()
  expect((await sql`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }])
  expect(isAlive(stranger.pid!)).toBe(true)
})

test('a server that is killed is started again, and what it had acknowledged is there', async () => {
  await withCluster()
  const { db, health } = await open()
  await sql`CREATE TABLE kept AS SELECT 1 AS number`.execute(db)
  const killed = serverPid()!
  process.kill(killed, 'SIGKILL')
  await vi.waitFor(
    async () => {
      expect(serverPid()).not.toBe(killed)
      expect((await sql`SELECT number FROM kept`.execute(db)).rows).toEqual([{ number: 1 }])
    },
    { timeout: 60_000, interval: 50 },
  )
  expect(await health()).toMatchObject({ status: 'ok', embedded: true })
  // The new server is ours as well.
  expect(await startChild().line()).toBe('DATABASE_LOCKED')
})

test('a kill while the cluster is being made leaves nothing that looks like one', async () => {
  const child = startChild()
  await vi.waitFor(() => expect(readdirSync(dataDir).join()).toMatch(/postgres\.new-\d+/), {
    timeout: 60_000,
    interval: 5,
  })
  await kill(child.process)
  expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
  const { db } = await open()
  expect((await sql`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }])
  await vi.waitFor(() => expect(readdirSync(dataDir)).toEqual(['postgres']), 60_000)
})

test('a data folder whose path is longer than a socket’s may be is served over a private folder elsewhere', async () => {
  const deep = join(dataDir, 'x'.repeat(120))
  mkdirSync(deep)
  await withCluster(deep)
  running.database = await openDatabase(options(deep))
  const { db, url } = running.database
  expect(decodeURIComponent(url)).not.toContain(deep)
  expect((await sql`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }])
  await expect(openDatabase(options(deep))).rejects.toMatchObject({ code: 'DATABASE_LOCKED' })
  await close()
  rmSync(decodeURIComponent(url).replace(/^.*@(.*)\/stoa$/, '$1'), { recursive: true })
})

test('a cluster of another major version is refused by name, and left as it is', async () => {
  mkdirSync(join(dataDir, 'postgres'))
  writeFileSync(join(dataDir, 'postgres/PG_VERSION'), '14\n')
  await expect(openDatabase(options())).rejects.toMatchObject({
    code: 'DATABASE_VERSION',
    message: expect.stringContaining('PostgreSQL 14'),
  })
  expect(readdirSync(join(dataDir, 'postgres'))).toEqual(['PG_VERSION'])
})

test.each(['sunos-sparc', 'win32-x64', process.arch === 'x64' ? 'linux-arm64' : 'linux-x64'])(
  'where the package is missing (%s), the error says to set database.url',
  (platform) => {
    expect(() => findPackage(platform)).toThrow(
      expect.objectContaining({
        code: 'DATABASE_PROGRAM_MISSING',
        message: expect.stringContaining('database.url'),
      }),
    )
  },
)

test.runIf(serverUser() !== undefined)(
  'a program in a folder that the server’s user cannot enter is copied, with the names of its libraries, and runs',
  async () => {
    const closed = mkdtempSync(join(tmpdir(), 'stoa-program-'))
    const cache = mkdtempSync(join(tmpdir(), 'stoa-cache-'))
    chmodSync(cache, 0o755)
    try {
      const found = findPackage()
      cpSync(found.folder, join(closed, 'package'), { recursive: true })
      const user = serverUser()
      const program = prepareProgram({ ...found, folder: join(closed, 'package') }, cache, user)
      expect(program.postgres.startsWith(cache)).toBe(true)
      const child = spawn(program.postgres, ['--version'], {
        ...user,
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {},
      })
      const [said] = (await once(child.stdout, 'data')) as [Buffer]
      expect(String(said)).toContain(`(PostgreSQL) ${program.major}`)
      // The second time it is there.
      expect(prepareProgram({ ...found, folder: join(closed, 'package') }, cache, user)).toEqual(program)
      expect(readdirSync(cache)).toEqual([`postgres-${found.version}`])
    } finally {
      rmSync(closed, { recursive: true })
      rmSync(cache, { recursive: true })
    }
  },
)

function options(folder = dataDir) {
  return {
    dataDir: folder,
    logger: SILENT,
    poolSize: 4,
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
  }
}

async function open(): Promise<Database> {
  running.database = await openDatabase(options())
  return running.database
}

async function close(): Promise<void> {
  await running.database?.close()
  delete running.database
}

/** How many rows there are, if they are 0, 1, 2, … without a gap. */
async function numbers(): Promise<unknown> {
  const { rows } = await sql<{ rows: number; max: number }>`
    SELECT count(*)::int AS rows, max(number) AS max FROM acknowledged`.execute(running.database!.db)
  expect(rows[0]?.max).toBe(rows[0]!.rows - 1)
  return rows[0]?.rows
}

async function expectNumbers(atLeast: number): Promise<void> {
  await open()
  expect(await numbers()).toBeGreaterThanOrEqual(atLeast)
}

function serverPid(): number | undefined {
  try {
    return Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'latin1').split('\n')[0])
  } catch {
    return undefined
  }
}

function startChild(first = 0) {
  const child = spawn(process.execPath, [CHILD, dataDir, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.children.push(child)
  const lines: string[] = []
  const reader = createInterface(child.stdout)
  reader.on('line', (line) => lines.push(line))
  return {
    process: child,
    line: async () => {
      if (lines.length === 0) await once(reader, 'line')
      return lines[0]
    },
    linesUntil: (count: number) =>
      vi.waitFor(() => expect(lines.length).toBeGreaterThan(count), { timeout: 60_000, interval: 5 }),
    // Behind it may stand that its server was killed a moment before it was itself.
    lastNumber: () => Number(lines.findLast((line) => /^\d+$/.test(line))),
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'close')
  child.kill('SIGKILL')
  await ended
}
