import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { pino } from 'pino'
import { expect, test, vi } from 'vitest'
import { type Database, openDatabase } from '../../platform/database/index.ts'
import { startTestServer, testDatabase } from '../../platform/database/testing/index.ts'
import type { Delivery } from '../delivery.ts'
import { type Keeper, tableSink } from './index.ts'
import {
  beginTestTerm,
  learnRelays,
  plainCount,
  plannedDelivery,
  tablesCount,
  testClock,
  testKeeper,
} from './testing/index.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

const CHILD = fileURLToPath(new URL('./testing/keeper-child.ts', import.meta.url))
const KILLS = 6
const PATIENCE = { timeout: 60_000, interval: 20 }

test('a keeper that is killed at any point is followed by one that loses nothing and counts nothing twice', async () => {
  const database = await testDatabase()
  const flow = startFlow(database, await learnRelays(database.db))
  for (let kill = 0; kill < KILLS; kill++) {
    const child = spawn(process.execPath, [CHILD, database.url], { stdio: ['ignore', 'pipe', 'inherit'] })
    await killAfter(child, 1 + Math.floor(Math.random() * 12), Math.random() * 120)
  }
  // Two at the same time: the second begins while the first is killed.
  const first = spawn(process.execPath, [CHILD, database.url], { stdio: ['ignore', 'pipe', 'inherit'] })
  const killed = killAfter(first, 2, 0)
  await once(first.stdout, 'data')
  const second = await testKeeper(database.db, { clock: testClock() })
  first.kill('SIGKILL')
  await killed.catch(() => {})
  const deliveries = await flow.end()
  await expectCounted(database, second, deliveries)
  const { rows } = await sql<{ number: bigint }>`SELECT number FROM observatory_checkpoints LIMIT 1`.execute(
    database.db,
  )
  expect(Number(rows[0]?.number)).toBeGreaterThan(0)
  await second.stop()
  await database.close()
})

test('a database that is stopped and killed under load loses nothing, and the keeper goes on when it is back', async () => {
  const server = await startTestServer()
  const database = await openDatabase({
    url: server.url(),
    dataDir: '',
    logger: pino({ level: 'silent' }),
    poolSize: 4,
    statementTimeoutMs: 20_000,
    connectTimeoutMs: 2_000,
  })
  const clock = testClock()
  const flow = startFlow(database, await learnRelays(database.db))
  const keeper = await testKeeper(database.db, {
    clock,
    term: await beginTestTerm(database.db),
    settings: { snapshotSeconds: 1 },
  })
  const ticking = setInterval(() => clock.advanceSeconds(1), 200)
  for (const way of ['shutDown', 'kill', 'shutDown', 'kill'] as const) {
    const { batches } = keeper.stats()
    await vi.waitFor(() => expect(keeper.stats().batches).toBeGreaterThan(batches + 5), PATIENCE)
    const { rows } = await sql<{ pid: number }>`SELECT pid FROM pg_stat_activity`.execute(database.db)
    await server[way]()
    for (const { pid } of rows) while (isAlive(pid)) await delay(10)
    await delay(300)
    await server.start()
  }
  const deliveries = await flow.end()
  await expectCounted(database, keeper, deliveries)
  expect(keeper.stats().failures).toBeGreaterThan(0)
  // What was counted waited for the database: it was not counted anew.
  expect(keeper.stats()).toMatchObject({ restores: 1, setAside: 0 })
  clearInterval(ticking)
  await keeper.stop()
  await database.close()
  await server.close()
})

/** Delivers one after the other, each until it is taken, as a collector with a journal does. */
function startFlow(database: Database, relays: readonly number[]) {
  const deliveries: Delivery[] = []
  let isOver = false
  const flowing = (async () => {
    for (let n = 0; !isOver; n++) {
      const delivery = plannedDelivery(n, relays, 20_000)
      deliveries.push(delivery)
      await untilTaken(database, delivery)
      // Whoever does not hear the answer delivers again.
      if (n % 5 === 0) await untilTaken(database, delivery)
      await delay(25)
    }
  })()
  return {
    end: async () => {
      isOver = true
      await flowing
      return deliveries
    },
  }
}

async function untilTaken({ db }: Database, delivery: Delivery): Promise<void> {
  for (;;) {
    try {
      return await tableSink(db).deliver(delivery)
    } catch {
      await delay(20)
    }
  }
}

/** After so many transactions and then some milliseconds, which may be in the middle of anything. */
async function killAfter(child: ChildProcess, transactions: number, ms: number): Promise<void> {
  const exited = once(child, 'exit')
  let said = 0
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString().split('\n').length - 1
      if (said >= transactions) resolve()
    })
    child.once('exit', () => reject(new Error('the child ended by itself')))
  })
  await delay(ms)
  child.kill('SIGKILL')
  await exited
  expect(child.signalCode).toBe('SIGKILL')
}

async function expectCounted(
  { db }: Database,
  keeper: Keeper,
  deliveries: readonly Delivery[],
): Promise<void> {
  await vi.waitFor(async () => {
    const { rows } = await sql<{ count: number }>`
      SELECT count(*)::integer AS count FROM observation_batches WHERE applied IS NULL`.execute(db)
    expect(rows[0]?.count).toBe(0)
    expect(keeper.stats().state).toBe('keeping')
  }, PATIENCE)
  const { reports, ...wanted } = plainCount(deliveries)
  expect(await tablesCount(db)).toEqual(wanted)
  await vi.waitFor(() => expect(keeper.snapshot('all').events).toBe(wanted.events), PATIENCE)
  expect(keeper.snapshot('all').coverage.relaysWatched).toBe(reports)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
