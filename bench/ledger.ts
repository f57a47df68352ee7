/**
 * How many transfers a second one process posts: `node bench/ledger.ts [--callers 4000] [--seconds 10] [--rounds 3] [--url …]
 * [--json FILE]`. Without a URL on Debian's PostgreSQL with its usual settings (it waits for the disk at each commit), in
 * a temporary folder that is removed afterwards.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import { pino } from 'pino'
import { systemClock } from '../src/kernel/index.ts'
import { createLedger, type LedgerService, type Transfer } from '../src/ledger/index.ts'
import { createMemoryBus } from '../src/platform/bus/index.ts'
import { openDatabase } from '../src/platform/database/index.ts'
import { startPostgres } from './postgres-process.ts'

const { values: options } = parseArgs({
  options: {
    callers: { type: 'string', default: '4000' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
    url: { type: 'string' },
    json: { type: 'string' },
  },
})
const callers = Number(options.callers)
const seconds = Number(options.seconds)
const rounds = Number(options.rounds)

const WARM_UP_MS = 1_000

/** A way to load the ledger. */
interface Scenario {
  readonly name: string
  /** Accounts that transfers go between. */
  readonly accounts: number
  readonly callers: number
  /** Transfers in one call. */
  readonly perCall: number
  /** Calls come at this rate, whether or not the last ones were answered; undefined: each caller posts on at once. */
  readonly callsPerSecond?: number
}

interface Figures {
  readonly scenario: string
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Transfers of one commit, on average. */
  readonly group: number
  readonly groupsPerSecond: number
  /** Processor time of this process for a transfer. */
  readonly cpuUs: number
  /** The same of the server; undefined for one that was not started here. */
  readonly serverCpuUs: number | undefined
  /** Transfers that were not taken, since too many waited. */
  readonly refused: number
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'at most', accounts: 1_000, callers, perCall: 1 },
  { name: 'at most, 2 hot accounts', accounts: 2, callers, perCall: 1 },
  { name: 'at most, calls of 100', accounts: 1_000, callers: Math.ceil(callers / 100), perCall: 100 },
  { name: '10,000 a second', accounts: 1_000, callers: 1, perCall: 1, callsPerSecond: 10_000 },
  { name: '5,000 a second', accounts: 1_000, callers: 1, perCall: 1, callsPerSecond: 5_000 },
  { name: '50 callers', accounts: 1_000, callers: 50, perCall: 1 },
  { name: 'one caller', accounts: 1_000, callers: 1, perCall: 1 },
]

const server =
  options.url === undefined
    ? await startPostgres()
    : { url: options.url, cpuSeconds: () => undefined, stop: async () => {} }
const database = await openDatabase({
  url: server.url,
  dataDir: '',
  logger: pino({ level: 'silent' }),
  poolSize: 4,
  statementTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
})
const ledger = createLedger({
  db: database.db,
  bus: createMemoryBus(),
  clock: systemClock,
  logger: pino({ level: 'silent' }),
})
const results: Figures[] = []
let lastKey = 0
const run = Date.now().toString(36)
try {
  console.log(
    `${callers} callers, ${seconds} s each, ${rounds} rounds, ${cpus().length} cores ${cpus()[0]?.model ?? ''}`,
  )
  for (let round = 0; round < rounds; round++) {
    for (const scenario of SCENARIOS) results.push(await measure(ledger, scenario))
  }
  print()
  const balance = await ledger.trialBalance()
  const isSound = balance.every(
    ({ debits, credits, wrongBalances }) => debits === credits && wrongBalances === 0,
  )
  const { rows } = await sql<{
    size: string
  }>`SELECT pg_size_pretty(pg_database_size(current_database())) AS size`.execute(database.db)
  console.log(
    `${lastKey} transfers posted, ${rows[0]?.size}; the books are ${isSound ? 'sound' : 'NOT SOUND'}`,
  )
  process.exitCode = isSound ? 0 : 1
  if (options.json !== undefined) {
    const about = {
      at: new Date().toISOString(),
      node: process.version,
      cpu: cpus()[0]?.model,
      cores: cpus().length,
    }
    writeFileSync(options.json, `${JSON.stringify({ about, callers, seconds, results }, undefined, 2)}\n`)
  }
} finally {
  await ledger.stop()
  await database.close()
  await server.stop()
}

async function measure(ledger: LedgerService, scenario: Scenario): Promise<Figures> {
  const latenciesMs: number[] = []
  let isMeasuring = false
  let isOver = false
  let refused = 0
  const call = async (): Promise<void> => {
    const transfers = Array.from({ length: scenario.perCall }, () => nextTransfer(scenario.accounts))
    const startedMs = performance.now()
    const outcomes = await ledger.post(transfers)
    if (outcomes.some(({ ok }) => !ok)) refused += outcomes.length
    else if (isMeasuring && !isOver) latenciesMs.push(performance.now() - startedMs)
  }
  const caller = async (): Promise<void> => {
    if (scenario.callsPerSecond !== undefined) return atRate(scenario.callsPerSecond, call, () => isOver)
    while (!isOver) await call()
  }
  const all = Promise.all(Array.from({ length: scenario.callers }, caller))
  await Promise.race([delay(WARM_UP_MS), all])
  const serverBefore = server.cpuSeconds()
  const [before, cpuBefore, startedMs] = [ledger.stats(), process.cpuUsage(), performance.now()]
  isMeasuring = true
  await Promise.race([delay(seconds * 1_000), all])
  const [after, cpu, tookSeconds] = [
    ledger.stats(),
    process.cpuUsage(cpuBefore),
    (performance.now() - startedMs) / 1_000,
  ]
  const serverAfter = server.cpuSeconds()
  isOver = true
  await all
  const posted = after.tasks - before.tasks
  const groups = after.groups - before.groups
  latenciesMs.sort((a, b) => a - b)
  return {
    scenario: scenario.name,
    perSecond: Math.round(posted / tookSeconds),
    p50Ms: rounded(quantile(latenciesMs, 0.5)),
    p99Ms: rounded(quantile(latenciesMs, 0.99)),
    group: Math.round(posted / Math.max(1, groups)),
    groupsPerSecond: Math.round(groups / tookSeconds),
    cpuUs: rounded((cpu.user + cpu.system) / Math.max(1, posted)),
    serverCpuUs:
      serverBefore === undefined || serverAfter === undefined
        ? undefined
        : rounded(((serverAfter - serverBefore) * 1e6) / Math.max(1, posted)),
    refused,
  }
}

async function atRate(perSecond: number, call: () => Promise<void>, isOver: () => boolean): Promise<void> {
  const calls = new Set<Promise<void>>()
  const startedMs = performance.now()
  for (let made = 0; !isOver(); await delay(1)) {
    for (const due = ((performance.now() - startedMs) * perSecond) / 1_000; made < due; made++) {
      const one: Promise<void> = call().finally(() => calls.delete(one))
      calls.add(one)
    }
  }
  await Promise.all(calls)
}

/** From any of the accounts to any other. */
function nextTransfer(accounts: number): Transfer {
  const n = lastKey++
  const from = Math.floor(Math.random() * accounts)
  const to = (from + 1 + Math.floor(Math.random() * (accounts - 1))) % accounts
  const amount = BigInt(1 + (n % 1_000))
  return {
    key: `${run}-${n}`,
    memo: '',
    entries: [
      { path: `assets/peer/${accounts}-${from}`, asset: 'msat', side: 'debit', amount },
      { path: `assets/peer/${accounts}-${to}`, asset: 'msat', side: 'credit', amount },
    ],
  }
}

/** The median over the rounds of each figure. */
function print(): void {
  console.table(
    SCENARIOS.map(({ name }) => {
      const rows = results.filter(({ scenario }) => scenario === name)
      const middle = (figure: (row: Figures) => number) =>
        rows.map(figure).toSorted((a, b) => a - b)[Math.floor(rows.length / 2)]
      return {
        scenario: name,
        'transfers/s': middle(({ perSecond }) => perSecond),
        'p50 ms': middle(({ p50Ms }) => p50Ms),
        'p99 ms': middle(({ p99Ms }) => p99Ms),
        'per commit': middle(({ group }) => group),
        'commits/s': middle(({ groupsPerSecond }) => groupsPerSecond),
        'CPU µs': middle(({ cpuUs }) => cpuUs),
        'server CPU µs': middle((row) => row.serverCpuUs ?? Number.NaN),
        refused: middle((row) => row.refused),
      }
    }),
  )
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
