/**
 * Measures relays side by side: `npm run bench -- --help`. Each relay in turn runs alone on one core, the load on
 * another; figures are medians over the rounds. See README.md for the method.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { chooseContestants } from './contestant.ts'
import { findRealEvents, provideDataset } from './dataset.ts'
import { measureRound, type RoundPlan, type Sample } from './measure-round.ts'
import { type BenchOptions, HELP, parseOptions, UsageError } from './options.ts'
import { liveEventsPerRound } from './plan.ts'
import { parseTarget, requirePinning, requireRelay } from './relay-process.ts'
import { renderTable, summarize } from './summary.ts'

const ROOT = resolve(import.meta.dirname, '..')

async function main(args: readonly string[], running: RoundPlan['running']): Promise<void> {
  const options = parseOptions(args)
  if (options === undefined) {
    console.log(HELP)
    return
  }
  if (options.isPinned) requirePinning([options.relayCore, options.loadCore])
  const contestants = await chooseContestants(options, ROOT)
  for (const contestant of contestants) {
    if ('command' in contestant) parseTarget(contestant.url)
    else await requireRelay(contestant.url)
  }
  const datasets = await provideDatasets(options)
  const samples: Sample[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const contestant of contestants) {
      samples.push(...(await measureRound(contestant, { options, round, datasets, running, say })))
    }
  }
  endProgress()
  const summaries = summarize(
    samples,
    contestants.map(({ name }) => name),
  )
  console.log(renderTable(summaries))
  if (samples.some(({ remarks }) => remarks.some((remark) => remark.startsWith('failed'))))
    process.exitCode = 1
  writeResults(options, { method: methodOf(options), machine: describeMachine(), summaries, samples })
}

async function provideDatasets(options: BenchOptions): Promise<RoundPlan['datasets']> {
  const { seed, events } = options
  // A relay that is not ours to empty gets other events each round.
  const rounds = options.url === undefined ? 1 : options.rounds
  const nowMs = Date.now()
  const progress = (signed: number, total: number, signer: string) =>
    say(`signing events with ${signer}, once for this seed and week: ${signed} of ${total}`)
  const dataset = { seed, count: events * rounds, profile: 'square', nowMs } as const
  const live = { seed, count: liveEventsPerRound(options) * rounds, profile: 'notes', nowMs } as const
  return {
    datasetPath: await provideDataset(dataset, progress),
    storedCount: events,
    livePath: await provideDataset(live, progress),
    realPath: findRealEvents(ROOT),
  }
}

function writeResults(options: BenchOptions, results: object): void {
  const today = new Date().toISOString().slice(0, 10)
  const usual = options.isQuick ? undefined : join(import.meta.dirname, 'results', `${today}-relay.json`)
  const path = options.jsonFile ?? usual
  if (path === undefined) return
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, `${JSON.stringify(results, null, 2)}\n`)
  console.log(`\nResults: ${path}`)
}

function methodOf({ events, rounds, seed, isQuick, isPinned }: BenchOptions) {
  return {
    measuredAt: new Date().toISOString(),
    events,
    rounds,
    seed,
    isQuick,
    isPinned,
    statistic: 'median over the rounds of each figure; relays in turn within a round',
    cpu: 'user and system time of all threads of the relay and its children, from /proc schedstat',
  }
}

function describeMachine() {
  const processors = cpus()
  return {
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    architecture: process.arch,
    node: process.version,
  }
}

// Progress is for a person who waits: only on a terminal, on one line.
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`)
}

function endProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K')
}

async function stopAll(running: RoundPlan['running']): Promise<void> {
  await Promise.allSettled([...running].map(async (stop) => stop()))
}

const running: RoundPlan['running'] = new Set()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stopAll(running).then(() => process.exit(signal === 'SIGINT' ? 130 : 143))
  })
}
try {
  await main(process.argv.slice(2), running)
} catch (error) {
  endProgress()
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
