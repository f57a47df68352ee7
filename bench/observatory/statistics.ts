/**
 * How fast the statistics of the observatory count, how fast they answer, and what they hold: `node bench/observatory/statistics.ts
 * [--events 1000000] [--relays 240] [--candidates 0] [--users 300000] [--copies 4] [--days 30] [--json FILE]`. Prints one JSON
 * object. Rates are by processor time of this process, with whatever its garbage collector needs beside it; `rssMb` is the whole
 * process, of which `startMb` were there before the first observation (Node, and our modules).
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { ObservationBatch, RANGES, type Range, type RelayReport } from '../../src/observatory/index.ts'
import { StatisticsEngine } from '../../src/observatory/statistics/index.ts'
import { randomNumbers, relayReport } from '../../src/observatory/statistics/testing/index.ts'

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '1000000' },
    relays: { type: 'string', default: '240' },
    /** Relays that are known besides, and never answered. */
    candidates: { type: 'string', default: '0' },
    users: { type: 'string', default: '300000' },
    copies: { type: 'string', default: '4' },
    days: { type: 'string', default: '30' },
    /** Share of the events that come late, by any time within the days; the others come in their order. */
    late: { type: 'string', default: '0.05' },
    json: { type: 'string' },
  },
})
const events = Number(options.events)
const relays = Number(options.relays)
const candidates = Number(options.candidates)
const users = Number(options.users)
const copies = Number(options.copies)
const days = Number(options.days)
const late = Number(options.late)

const NOW_SECONDS = Date.UTC(2026, 10, 21, 16, 40) / 1000
const PER_BATCH = 16_384
const KINDS = [0, 1, 1, 1, 1, 1, 3, 7, 7, 7, 7, 6, 9735, 30023, 10002, 1984, 5, 30078, 1111, 42]
const CLIENTS = ['Damus', 'Amethyst', 'Primal', 'Coracle', 'noStrudel', 'Snort', 'YakiHonne', 'Jumble']
const SNAPSHOTS = 30
/** What is new between one snapshot and the next, a second later. */
const OBSERVATIONS_PER_SECOND = 2_000
const REPORTS_PER_SECOND = 200

const random = randomNumbers(1)
const below = (bound: number): number => Math.floor(random() * bound)
const word = (): number => Math.floor(random() * 0x1_0000_0000)

const startMb = megabytes(process.memoryUsage.rss())
const engine = new StatisticsEngine({})
for (let relay = 1; relay <= relays + candidates; relay++)
  engine.knowRelay({ relay, url: `wss://relay-${relay}.example` })

const authors = new Uint32Array(2 * users).map(word)
let applied = 0
let applySeconds = 0
let longestApplyMs = 0
let peakBytes = 0
let batch = new ObservationBatch(PER_BATCH)
for (let event = 0; event < events; event++) {
  addEvent(event)
  if (batch.count + copies > PER_BATCH) flush()
}
flush()
for (let day = 90; day >= 0; day--) engine.report(reportsOfDay(NOW_SECONDS - day * 86_400), 'here')
engine.report(reportsOfCandidates(), 'here')

const { rss, heapTotal, heapUsed, arrayBuffers } = process.memoryUsage()
const peakRssMb = rounded(process.resourceUsage().maxRSS / 1e3)
const { seconds: checkpointSeconds, value: checkpoint } = timed(() => engine.checkpoint())
engine.commitCheckpoint()
const { seconds: restoreSeconds } = timed(() =>
  StatisticsEngine.restore(checkpoint.state, [...checkpoint.fingerprints.keys()], {}),
)
const result = {
  at: new Date().toISOString(),
  node: process.version,
  cpu: cpus()[0]?.model,
  events,
  relays,
  candidates,
  users,
  observations: applied,
  observationsPerCpuSecond: Math.round(applied / applySeconds),
  longestBatchMs: rounded(longestApplyMs),
  snapshotMs: Object.fromEntries(RANGES.map((range) => [range, snapshotMs(range)])),
  snapshotAfterASecondMs: snapshotsWhileCounting(),
  checkpointMs: rounded(checkpointSeconds * 1000),
  stateMb: megabytes(checkpoint.state.length),
  freshFingerprintsMb: megabytes(
    [...checkpoint.fingerprints.values()].reduce((sum, part) => sum + part.length, 0),
  ),
  restoreMs: rounded(restoreSeconds * 1000),
  engineMb: megabytes(engine.stats().bytes),
  peakEngineMb: megabytes(peakBytes),
  startMb,
  rssMb: megabytes(rss),
  peakRssMb,
  heapMb: megabytes(heapTotal),
  heapUsedMb: megabytes(heapUsed),
  arraysMb: megabytes(arrayBuffers),
  rssWithCheckpointMb: megabytes(process.memoryUsage.rss()),
  stats: engine.stats(),
}
console.log(JSON.stringify(result, undefined, 2))
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, undefined, 2)}\n`)

/** As it comes: in the order of time but for some, each event from some of the relays one after the other. */
function addEvent(event: number): void {
  const author = event < users ? event : below(users)
  const seenAt = Math.floor(NOW_SECONDS - (1 - event / events) * days * 86_400)
  const createdAt = random() < late ? NOW_SECONDS - below(days * 86_400) : seenAt - below(60)
  const kind = KINDS[below(KINDS.length)]!
  const client = below(3) === 0 ? CLIENTS[below(CLIENTS.length)] : undefined
  const id = [word(), word()] as const
  for (let copy = 0; copy < copies; copy++) {
    const row = batch.addRow()
    // Half of them at a few large relays, and those of one author always at about the same ones.
    batch.relay[row] = 1 + (copy % 2 === 0 ? (author + copy) % 16 : (author * 7 + copy + below(2)) % relays)
    batch.eventHigh[row] = id[0]
    batch.eventLow[row] = id[1]
    batch.authorHigh[row] = authors[2 * author]!
    batch.authorLow[row] = authors[2 * author + 1]!
    batch.createdAt[row] = createdAt
    batch.seenAt[row] = Math.max(seenAt, createdAt)
    batch.kind[row] = kind
    batch.client[row] = client === undefined ? 0 : batch.clientNumber(client)
    batch.language[row] = kind === 1 ? below(10) : 0
    if (kind === 9735) batch.zapMsat[row] = 21_000n
  }
}

function flush(): void {
  const { seconds } = timed(() => engine.apply(batch))
  applySeconds += seconds
  longestApplyMs = Math.max(longestApplyMs, seconds * 1000)
  applied += batch.count
  if (applied % 100 < 30) peakBytes = Math.max(peakBytes, engine.stats().bytes)
  batch = new ObservationBatch(PER_BATCH)
}

/** Latencies and uptime of a day of every relay. */
function reportsOfDay(atSeconds: number): RelayReport[] {
  return Array.from({ length: relays }, (_, relay) =>
    relayReport({
      relay: relay + 1,
      atSeconds,
      watchedSeconds: 86_400,
      connectedSeconds: 80_000,
      readMs: Array.from({ length: 20 }, () => 50 + below(400)),
      pingMs: Array.from({ length: 100 }, () => 20 + below(200)),
      offences: { 'not-json': below(3) },
    }),
  )
}

function reportsOfCandidates(): RelayReport[] {
  return Array.from({ length: candidates }, (_, n) =>
    relayReport({
      relay: relays + n + 1,
      atSeconds: NOW_SECONDS,
      state: 'waiting',
      watchedSeconds: 0,
      connectedSeconds: 0,
      isProven: false,
      failures: 3,
      nextTrySeconds: NOW_SECONDS + 86_400,
    }),
  )
}

/** The median of each range, asked for after every second in which something was counted. */
function snapshotsWhileCounting(): Record<string, number> {
  const took = new Map<Range, number[]>(RANGES.map((range) => [range, []]))
  for (let second = 1; second <= SNAPSHOTS; second++) {
    const nowSeconds = NOW_SECONDS + second
    engine.apply(observationsOf(nowSeconds))
    engine.report(reportsOfDay(nowSeconds).slice(0, REPORTS_PER_SECOND), 'here')
    for (const [range, times] of took)
      times.push(timed(() => engine.snapshot(range, nowSeconds)).seconds * 1000)
  }
  const median = (times: number[]) => rounded(times.sort((a, b) => a - b)[times.length >> 1]!)
  return Object.fromEntries([...took].map(([range, times]) => [range, median(times)]))
}

function observationsOf(seenAt: number): ObservationBatch {
  const second = new ObservationBatch(OBSERVATIONS_PER_SECOND)
  for (let row = second.addRow(); row < OBSERVATIONS_PER_SECOND - 1; row = second.addRow()) {
    const author = below(users)
    second.relay[row] = 1 + below(relays)
    second.eventHigh[row] = word()
    second.eventLow[row] = word()
    second.authorHigh[row] = authors[2 * author]!
    second.authorLow[row] = authors[2 * author + 1]!
    second.createdAt[row] = seenAt - below(60)
    second.seenAt[row] = seenAt
    second.kind[row] = KINDS[below(KINDS.length)]!
  }
  return second
}

function snapshotMs(range: Range): number {
  for (let warmUp = 0; warmUp < 5; warmUp++) engine.snapshot(range, NOW_SECONDS)
  const { seconds } = timed(() => {
    for (let run = 0; run < SNAPSHOTS; run++) engine.snapshot(range, NOW_SECONDS)
  })
  return rounded((seconds * 1000) / SNAPSHOTS)
}

/** Processor time. */
function timed<T>(run: () => T): { readonly seconds: number; readonly value: T } {
  const before = process.cpuUsage()
  const value = run()
  const { user, system } = process.cpuUsage(before)
  return { seconds: (user + system) / 1e6, value }
}

function megabytes(bytes: number): number {
  return rounded(bytes / 1e6)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}
