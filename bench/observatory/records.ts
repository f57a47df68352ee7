/**
 * How long it takes until what a collector has delivered is counted: `node bench/observatory/records.ts [--rounds 20] [--warm-up 3]
 * [--url …]`. Each delivery is 16,667 observations, 4 for each event, of 240 relays. Beside it, as the limit of this disk and
 * server: a bare INSERT of as many bytes. And the history of one relay among `--relays`, 102 days by the hour, what its rows take, and
 * how long two days of them take to be folded; `--only-history` for that alone. Without a URL on Debian's PostgreSQL with its usual settings (it waits for the disk at
 * each commit), in a temporary folder that is removed afterwards.
 */
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { pino } from 'pino'
import { systemClock } from '../../src/kernel/index.ts'
import type { Delivery } from '../../src/observatory/delivery.ts'
import { ObservationBatch } from '../../src/observatory/observation-batch.ts'
import { RANGES } from '../../src/observatory/ranges.ts'
import { foldHours } from '../../src/observatory/records/fold-hours.ts'
import {
  type EngineFactory,
  openKeeper,
  relayHistory,
  tableDirectory,
  tableSink,
} from '../../src/observatory/records/index.ts'
import { StatisticsEngine } from '../../src/observatory/statistics/index.ts'
import { type Database, openDatabase } from '../../src/platform/database/index.ts'
import { startPostgres } from '../postgres-process.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '20' },
    'warm-up': { type: 'string', default: '3' },
    relays: { type: 'string', default: '100' },
    'only-history': { type: 'boolean', default: false },
    url: { type: 'string' },
  },
})
const rounds = Number(options.rounds)
const warmUp = Number(options['warm-up'])

const OBSERVATIONS = 16_667
const RELAYS = 240
const PER_EVENT = 4
const KINDS = [0, 1, 1, 1, 3, 7, 7, 7, 7, 1, 9735, 30_023]

const HISTORY_DAYS = 102
const KEEP_HOURS_DAYS = 100
const HISTORY_KINDS = [0, 1, 3, 7, 10_002]
const CALLS = 30

/** How old events are. */
interface Scenario {
  readonly name: string
  readonly ageSeconds: () => number
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'as they are written', ageSeconds: () => Math.floor(Math.random() * 120) },
  { name: 'of the last day', ageSeconds: () => Math.floor(Math.random() * 86_400) },
  { name: 'of the last 90 days', ageSeconds: () => Math.floor(Math.random() * 90 * 86_400) },
]

interface Times {
  readonly scenario: string
  readonly deliverMs: number
  /** From the call of `deliver` until it is in the tables. */
  readonly totalMs: number
  readonly flushMs: number
  readonly limitMs: number
  /** Processor time of this process and of the server: what it takes on a machine that does nothing else. */
  readonly cpuMs: number
  readonly serverCpuMs: number
}

const engines: EngineFactory = {
  create: () => new StatisticsEngine(),
  restore: (state, days) => StatisticsEngine.restore(state, days),
}
let nextEvent = 1

const server =
  options.url === undefined
    ? await startPostgres()
    : { url: options.url, cpuSeconds: () => undefined, stop: async () => {} }
const logger = pino({ level: 'silent' })
const database = await openDatabase({
  url: server.url,
  dataDir: '',
  logger,
  poolSize: 4,
  statementTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
})
try {
  // First, since the vacuum of what the history inserts would be in its times.
  const flushes = options['only-history'] ? undefined : await measureFlushes(database)
  const history = await measureHistory(database)
  console.log(JSON.stringify({ ...flushes, history }, undefined, 2))
} finally {
  await database.close()
  await server.stop()
}

async function measureFlushes(of: Database) {
  const { times, checkpoint } = await measureAll(of)
  return { rounds, observations: OBSERVATIONS, relays: RELAYS, rows: summaryOf(times), checkpoint }
}

/** Rows by the hour as a keeper leaves them: each hour's rows together, so that those of one relay are on pages of their own. */
async function measureHistory({ db }: Database) {
  const directory = tableDirectory(db, { maxRelays: 20_000 })
  const urls = Array.from({ length: Number(options.relays) }, (_, n) => `wss://history-${n}.example/`)
  const relays = (await directory.learn(urls, 'seed')).map(({ relay }) => relay)
  const [relay = 0] = relays
  const nowSeconds = systemClock.nowSeconds()
  const since = `to_timestamp((${Math.floor(nowSeconds / 3_600)} - h) * 3600::float8)`
  const hours = `generate_series(0, ${HISTORY_DAYS * 24}) h, generate_series(${relay}, ${relay + relays.length - 1}) relay`
  await sql
    .raw(
      `INSERT INTO relay_hours SELECT ${since}, relay, 'here', 3600, 3590, array_fill(1 + relay % 3, ARRAY[30 + (relay + h) % 15]) FROM ${hours} ORDER BY h DESC, relay`,
    )
    .execute(db)
  await sql
    .raw(
      `INSERT INTO events_aggregated SELECT ${since}, relay, kind, 40 + kind % 7 FROM ${hours}, unnest('{${HISTORY_KINDS.join(',')}}'::int[]) kind ORDER BY h DESC, relay`,
    )
    .execute(db)
  await sql`ANALYZE relay_hours, events_aggregated`.execute(db)
  const calls: Record<string, unknown> = {}
  for (const range of RANGES) {
    const ms: number[] = []
    for (let call = 0; call < CALLS; call++)
      ms.push(await took(async () => void (await relayHistory(db, relay, range, nowSeconds))))
    const sorted = ms.toSorted((a, b) => a - b)
    calls[range] = { p50Ms: sorted[Math.floor(CALLS / 2)], p95Ms: sorted[Math.floor(CALLS * 0.95)] }
  }
  return {
    relays: relays.length,
    relayHistory: calls,
    bytesPerRow: await bytesPerRow(db),
    folding: await fold(db),
  }
}

async function bytesPerRow(db: Database['db']) {
  const { rows } = await sql<{ hours: number; events: number }>`
    SELECT pg_total_relation_size('relay_hours') / (SELECT count(*) FROM relay_hours)::float8 AS hours,
      pg_total_relation_size('events_aggregated') / (SELECT count(*) FROM events_aggregated)::float8 AS events`.execute(
    db,
  )
  return rows[0]
}

/** Two days of all relays, and what a day is afterwards. */
async function fold(db: Database['db']) {
  const term = await nextTerm(db)
  const rowsOf = async () => {
    const { rows } = await sql<{ hours: number; events: number }>`
      SELECT (SELECT count(*)::float8 FROM relay_hours) AS hours, (SELECT count(*)::float8 FROM events_aggregated) AS events`.execute(
      db,
    )
    return rows[0]
  }
  const before = await rowsOf()
  const ms = await took(async () => {
    while (
      !(await foldHours(db, term, { keepHoursDays: KEEP_HOURS_DAYS, nowSeconds: systemClock.nowSeconds() }))
    );
  })
  return { ms, before, after: await rowsOf() }
}

async function nextTerm(db: Database['db']) {
  const { rows } = await sql<{
    term: bigint
  }>`UPDATE observatory_leadership_terms SET term = term + 1 RETURNING term`.execute(db)
  return { duty: 'observatory' as const, term: Number(rows[0]?.term) }
}

async function measureAll({ db }: Database) {
  await sql`CREATE TABLE IF NOT EXISTS bench_bytes (id bigint GENERATED ALWAYS AS IDENTITY, body bytea NOT NULL)`.execute(
    db,
  )
  await sql`ALTER TABLE bench_bytes ALTER body SET STORAGE EXTERNAL`.execute(db)
  const directory = tableDirectory(db, { maxRelays: 1_000 })
  const urls = Array.from({ length: RELAYS }, (_, n) => `wss://bench-${n}.example/`)
  const relays = (await directory.learn(urls, 'seed')).map(({ relay }) => relay)
  const keeper = await openKeeper({
    db,
    engine: engines,
    term: await nextTerm(db),
    clock: systemClock,
    logger,
    settings: { snapshotSeconds: 300, maxBatchesAtOnce: 20, keepSnapshotsDays: 30, keepLogsDays: 30 },
  })
  const times: Times[] = []
  for (let round = 0; round < rounds + warmUp; round++) {
    for (const scenario of SCENARIOS) {
      const delivery = deliveryOf(relays, scenario)
      const limitMs = await took(() => bareInsert(db, delivery.observations.encode()))
      const [cpu, serverBefore, startedMs] = [process.cpuUsage(), server.cpuSeconds(), performance.now()]
      const counted = new Promise<void>((resolve) => {
        const stop = keeper.onChange(() => {
          stop()
          resolve()
        })
      })
      await tableSink(db).deliver(delivery)
      const deliverMs = performance.now() - startedMs
      keeper.look()
      await counted
      const totalMs = performance.now() - startedMs
      const used = process.cpuUsage(cpu)
      const cpuMs = (used.user + used.system) / 1_000
      const serverCpuMs = ((server.cpuSeconds() ?? Number.NaN) - (serverBefore ?? Number.NaN)) * 1_000
      if (round < warmUp) continue
      times.push({
        scenario: scenario.name,
        deliverMs,
        totalMs,
        flushMs: keeper.stats().lastFlushMs,
        limitMs,
        cpuMs,
        serverCpuMs,
      })
    }
  }
  const stopMs = await took(() => keeper.stop())
  return { times, checkpoint: { ms: Math.round(stopMs), bytes: keeper.stats().lastCheckpointBytes } }
}

async function bareInsert(db: Database['db'], body: Buffer): Promise<void> {
  await sql`INSERT INTO bench_bytes (body) VALUES (${body})`.execute(db)
}

function deliveryOf(relays: readonly number[], { ageSeconds }: Scenario): Delivery {
  const observations = new ObservationBatch(OBSERVATIONS)
  const nowSeconds = systemClock.nowSeconds()
  while (observations.count < OBSERVATIONS) {
    const event = { high: Math.floor(Math.random() * 2 ** 32), low: nextEvent++ }
    const author = { high: 1, low: Math.floor(Math.random() ** 3 * 50_000) }
    const kind = KINDS[nextEvent % KINDS.length] ?? 1
    const createdAt = nowSeconds - ageSeconds()
    const first = Math.floor(Math.random() * RELAYS)
    for (let copy = 0; copy < PER_EVENT && observations.count < OBSERVATIONS; copy++) {
      observations.add({
        relay: relays[(first + copy * 7) % RELAYS] ?? 0,
        event,
        author,
        kind,
        createdAt,
        seenAt: nowSeconds,
        client: nextEvent % 10 === 0 ? `client ${nextEvent % 40}` : undefined,
        zapMsat: kind === 9735 ? 21_000n : 0n,
        isZapSignerChecked: false,
        language: 1,
      })
    }
  }
  const reports = relays.map((relay) => ({
    relay,
    atSeconds: nowSeconds,
    state: 'live' as const,
    watchedSeconds: 1,
    connectedSeconds: 1,
    openMs: [],
    readMs: [80],
    pingMs: [40],
    offences: {},
    isProven: true,
    failures: 0,
    nextTrySeconds: 0,
    cursor: { since: 0, until: nowSeconds },
  }))
  return { collector: 'bench', region: 'here', observations, reports }
}

async function took(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

function summaryOf(times: readonly Times[]) {
  return SCENARIOS.map(({ name }) => {
    const ofScenario = times.filter(({ scenario }) => scenario === name)
    const quantile = (share: number, figure: (row: Times) => number) => {
      const sorted = ofScenario.map(figure).toSorted((a, b) => a - b)
      return (
        Math.round(
          (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN) * 10,
        ) / 10
      )
    }
    return {
      events: name,
      bareInsertMs: quantile(0.5, ({ limitMs }) => limitMs),
      deliverMs: quantile(0.5, ({ deliverMs }) => deliverMs),
      transactionMs: quantile(0.5, ({ flushMs }) => flushMs),
      deliveredToCountedP50Ms: quantile(0.5, ({ totalMs }) => totalMs),
      deliveredToCountedP95Ms: quantile(0.95, ({ totalMs }) => totalMs),
      cpuMs: quantile(0.5, ({ cpuMs }) => cpuMs),
      serverCpuMs: quantile(0.5, ({ serverCpuMs }) => serverCpuMs),
    }
  })
}
