/**
 * How many Interledger packets a second one node carries, each written down durably on both sides of its way:
 * `node bench/interledger.ts [--seconds 5] [--rounds 3] [--only TEXT] [--minutes 10 --rate 3000] [--connector DIR]
 * [--url …] [--json FILE]`.
 * Without a URL on Debian's PostgreSQL, as it waits for the disk at each commit. `--minutes` forwards packets over BTP at
 * one rate for so long instead, and tells of memory. `--connector` is a folder in which `ilp-connector` and `ilp-plugin-btp`
 * are installed (npm): it carries the same load over BTP.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { pino } from 'pino'
import { type Database, openDatabase } from '../src/platform/database/index.ts'
import { openBareCommits } from './interledger/bare-commits.ts'
import { startConnectorOverBtp } from './interledger/connector-over-btp.ts'
import { openNodeHere } from './interledger/node-here.ts'
import { startNodeOverBtp } from './interledger/node-over-btp.ts'
import { type MakePacket, type Offered, PacketStock, type Send, Traffic } from './interledger/traffic.ts'
import { startPostgres } from './postgres-process.ts'
import { ProcessMeter } from './process-meter.ts'

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    minutes: { type: 'string' },
    rate: { type: 'string', default: '3000' },
    connector: { type: 'string' },
    url: { type: 'string' },
    json: { type: 'string' },
  },
})
const seconds = Number(options.seconds)
const rounds = Number(options.rounds)

const WARM_UP_MS = 1_500
/** Made beforehand for each second in this process, where making them would count; a little more than can be carried. */
const STOCK_PER_SECOND = 15_000
const MINUTE_MS = 60_000
const MEBIBYTE = 2 ** 20

/** A node, and how to send packets through it. */
interface Subject {
  readonly pid: number
  readonly isHere: boolean
  readonly send: Send
  readonly toPeer: MakePacket
  readonly toReceiver: MakePacket
}

interface Scenario extends Offered {
  readonly name: string
  readonly way: 'toPeer' | 'toReceiver'
}

interface Figures {
  readonly scenario: string
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the node's process for a packet; in this process the little that sending costs included. */
  readonly cpuUs: number
  /** The same of the database's server; undefined for one that was not started here. */
  readonly serverCpuUs: number | undefined
  readonly failed: number
  /** Resident memory of the node's process at the end. */
  readonly memoryMib: number
}

const BARE: readonly Scenario[] = [{ name: 'limit: two bare commits, 500/s', way: 'toPeer', perSecond: 500 }]
const HERE: readonly Scenario[] = [
  { name: 'in process: link → connector → link, at most', way: 'toPeer', lanes: 2_000 },
  { name: 'in process: link → connector → STREAM, at most', way: 'toReceiver', lanes: 2_000 },
  { name: 'in process: link → connector → link, 3,000/s', way: 'toPeer', perSecond: 3_000 },
  { name: 'in process: link → connector → STREAM, 3,000/s', way: 'toReceiver', perSecond: 3_000 },
]
const OVER_BTP: readonly Scenario[] = [
  { name: 'BTP → connector → BTP, at most', way: 'toPeer', lanes: 1_000 },
  { name: 'BTP → connector → STREAM, at most', way: 'toReceiver', lanes: 1_000 },
  { name: 'BTP → connector → BTP, 2,000/s', way: 'toPeer', perSecond: 2_000 },
  { name: 'BTP → connector → BTP, 500/s', way: 'toPeer', perSecond: 500 },
  { name: 'BTP → connector → STREAM, 2,000/s', way: 'toReceiver', perSecond: 2_000 },
]
/** The same load as ours over BTP. */
const CONNECTOR: readonly Scenario[] = OVER_BTP.filter(({ way }) => way === 'toPeer').map((scenario) => ({
  ...scenario,
  name: `ilp-connector: ${scenario.name}`,
}))

const server =
  options.url === undefined
    ? await startPostgres()
    : { url: options.url, cpuSeconds: () => undefined, stop: async () => {} }
const database: Database = await openDatabase({
  url: server.url,
  dataDir: '',
  logger: pino({ level: 'silent' }),
  poolSize: 4,
  statementTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
})
const results: Figures[] = []
try {
  const { length: cores, 0: core } = cpus()
  console.log(`${seconds} s each, ${rounds} rounds, ${cores} cores ${core?.model ?? ''}`)
  if (options.minutes === undefined) {
    const asked = (scenarios: readonly Scenario[]) =>
      scenarios.filter(({ name }) => name.includes(options.only))
    await measureBare(asked(BARE))
    await measureHere(asked(HERE))
    await measureOverBtp(asked(OVER_BTP))
    if (options.connector !== undefined) await measureConnector(options.connector, asked(CONNECTOR))
    print()
  } else await soak(Number(options.minutes) * MINUTE_MS, Number(options.rate))
  if (options.json !== undefined) {
    const about = { at: new Date().toISOString(), node: process.version, cpu: core?.model, cores }
    writeFileSync(options.json, `${JSON.stringify({ about, seconds, results }, undefined, 2)}\n`)
  }
} finally {
  await database.close()
  await server.stop()
}

async function measureBare(scenarios: readonly Scenario[]): Promise<void> {
  if (scenarios.length === 0) return
  const bare = await openBareCommits(database)
  try {
    await measureAll({ ...bare, pid: process.pid, isHere: false, toReceiver: bare.toPeer }, scenarios)
  } finally {
    await bare.stop()
  }
}

async function measureHere(scenarios: readonly Scenario[]): Promise<void> {
  if (scenarios.length === 0) return
  const node = await openNodeHere(database)
  try {
    await measureAll({ ...node, pid: process.pid, isHere: true }, scenarios)
  } finally {
    await node.stop()
  }
}

async function measureOverBtp(scenarios: readonly Scenario[]): Promise<void> {
  if (scenarios.length === 0) return
  const node = await startNodeOverBtp(server.url)
  try {
    await measureAll({ ...node, isHere: false }, scenarios)
    if (!(await node.isSound())) throw new Error('the books are not sound')
  } finally {
    await node.stop()
  }
}

async function measureConnector(folder: string, scenarios: readonly Scenario[]): Promise<void> {
  if (scenarios.length === 0) return
  const node = await startConnectorOverBtp(folder)
  try {
    await measureAll({ ...node, isHere: false, toReceiver: node.toPeer }, scenarios)
  } finally {
    await node.stop()
  }
}

async function measureAll(subject: Subject, scenarios: readonly Scenario[]): Promise<void> {
  for (let round = 0; round < rounds; round++)
    for (const scenario of scenarios) {
      const traffic = await startTraffic(subject, scenario)
      const figures = await measure(subject, scenario.name, traffic, seconds * 1_000)
      await traffic.stop()
      console.log(JSON.stringify(figures))
      results.push(figures)
    }
}

async function startTraffic({ send, isHere, ...makers }: Subject, scenario: Scenario): Promise<Traffic> {
  const stock = new PacketStock(makers[scenario.way])
  if (isHere) stock.fill(STOCK_PER_SECOND * (seconds + WARM_UP_MS / 1_000))
  const traffic = new Traffic(send, stock)
  traffic.start(scenario)
  await delay(WARM_UP_MS)
  return traffic
}

async function measure({ pid }: Subject, scenario: string, traffic: Traffic, ms: number): Promise<Figures> {
  const meter = new ProcessMeter(pid)
  const [serverBefore, before, startedMs] = [server.cpuSeconds(), meter.read(), performance.now()]
  traffic.measure()
  await delay(ms)
  const { latenciesMs, failed } = traffic.measure()
  const [serverAfter, after, tookMs] = [server.cpuSeconds(), meter.read(), performance.now() - startedMs]
  const each = (to = Number.NaN, from = Number.NaN) => rounded(((to - from) * 1e6) / latenciesMs.length)
  return {
    scenario,
    perSecond: Math.round((latenciesMs.length * 1_000) / tookMs),
    p50Ms: rounded(quantile(latenciesMs, 0.5)),
    p99Ms: rounded(quantile(latenciesMs, 0.99)),
    cpuUs: each(after?.cpuSeconds, before?.cpuSeconds),
    serverCpuUs: serverBefore === undefined ? undefined : each(serverAfter, serverBefore),
    failed,
    memoryMib: Math.round((after?.residentBytes ?? 0) / MEBIBYTE),
  }
}

/** One rate for long: one line a minute. */
async function soak(ms: number, perSecond: number): Promise<void> {
  const node = await startNodeOverBtp(server.url)
  const subject: Subject = { ...node, isHere: false }
  try {
    const traffic = await startTraffic(subject, { name: '', way: 'toPeer', perSecond })
    for (let minute = 1; minute * MINUTE_MS <= ms; minute++) {
      const figures = await measure(subject, `minute ${minute}`, traffic, MINUTE_MS)
      results.push(figures)
      console.log(JSON.stringify(figures))
    }
    await traffic.stop()
    tellGrowth()
    console.log(`the books are ${(await node.isSound()) ? 'sound' : 'NOT SOUND'}`)
  } finally {
    await node.stop()
  }
}

/** Memory in the second half of the minutes against the first, without the first minute: then caches fill and code is compiled. */
function tellGrowth(): void {
  const mebibytes = results.slice(1).map(({ memoryMib }) => memoryMib)
  const half = Math.floor(mebibytes.length / 2)
  const mean = (list: readonly number[]) => list.reduce((sum, value) => sum + value, 0) / list.length
  if (half === 0) return
  const growth = mean(mebibytes.slice(-half)) / mean(mebibytes.slice(0, half))
  console.log(`memory of the later minutes is ${rounded(growth * 100)} % of that of the earlier ones`)
}

/** The median over the rounds of each figure. */
function print(): void {
  const byScenario = Map.groupBy(results, ({ scenario }) => scenario)
  console.table(
    [...byScenario].map(([scenario, rows]) => {
      const middle = (figure: (row: Figures) => number) =>
        rows.map(figure).toSorted((a, b) => a - b)[Math.floor(rows.length / 2)]
      return {
        scenario,
        'packets/s': middle(({ perSecond }) => perSecond),
        'p50 ms': middle(({ p50Ms }) => p50Ms),
        'p99 ms': middle(({ p99Ms }) => p99Ms),
        'CPU µs': middle(({ cpuUs }) => cpuUs),
        '/CPU s': Math.round(1e6 / (middle(({ cpuUs }) => cpuUs) ?? Number.NaN)),
        'server CPU µs': middle((row) => row.serverCpuUs ?? Number.NaN),
        failed: middle(({ failed }) => failed),
        MiB: middle(({ memoryMib }) => memoryMib),
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
