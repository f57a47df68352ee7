/**
 * How many observations a second of processor time one collector makes of what relays send: `node bench/observatory/intake.ts
 * [--events 40000] [--relays 240] [--rounds 3] [--many 1000000] [--json FILE]`. A process of loopback WebSockets sends signed
 * events, each over several of the relays; another one reads them with plain `ws` clients, takes them in and throws
 * the batches away, twice: the first pass has the cost of a start in it. In the same run, as limits: the same frames with
 * nobody who looks at them, and the bare verification of the events. `ofLimit` is how near we come to a collector
 * that did nothing else than these two.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createSignatureVerifier } from '../../src/platform/index.ts'
import type { CollectorFigures, CollectorTask } from './intake-collector.ts'
import { corpusFile, readCorpus } from './intake-corpus.ts'
import type { MemoryFigures, MemoryTask } from './intake-memory.ts'
import type { SimulatorTask } from './intake-simulator.ts'

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '40000' },
    relays: { type: 'string', default: '240' },
    rounds: { type: 'string', default: '3' },
    many: { type: 'string', default: '1000000' },
    json: { type: 'string' },
  },
})
const events = Number(options.events)
const relays = Number(options.relays)
const rounds = Number(options.rounds)

interface Scenario {
  readonly name: string
  /** Relays that have each event. */
  readonly copies: number
  readonly events: number
  readonly mode: CollectorTask['mode']
}

/** The verification in WebAssembly takes so long that fewer events do. */
const FEWER = Math.ceil(events / 4)
const SCENARIOS: readonly Scenario[] = [4, 10].flatMap((copies) => [
  { name: `${copies} relays an event, bare ws`, copies, events, mode: 'bare' },
  { name: `${copies} relays an event, native`, copies, events, mode: 'native' },
  { name: `${copies} relays an event, WebAssembly`, copies, events: FEWER, mode: 'wasm' },
])

const file = await corpusFile(events)
const about = {
  at: new Date().toISOString(),
  node: process.version,
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  relays,
}
const verification = {
  nativeMicroseconds: await bareVerification('native'),
  wasmMicroseconds: await bareVerification('wasm'),
}
interface Result extends Scenario {
  readonly rounds: readonly CollectorFigures[]
  /** Observations a second of processor time, the median of the rounds. */
  readonly first: number
  readonly second: number
}
const results: Result[] = []
for (const scenario of SCENARIOS) {
  const figures: CollectorFigures[] = []
  for (let round = 0; round < rounds; round++) figures.push(await measure(scenario))
  const speeds = (['first', 'second'] as const).map((pass) =>
    figures.map((figure) => figure[pass].perCpuSecond).toSorted((a, b) => a - b),
  )
  const [first, second] = speeds.map((of) => of[Math.floor(of.length / 2)]!)
  results.push({ ...scenario, rounds: figures, first: first!, second: second! })
  console.error(scenario.name, ...speeds.flatMap((of) => ['|', ...of]))
}
const memory = await memoryOfMany(Number(options.many))
const limits = (['native', 'wasm'] as const).map(comparedWithLimit)
const report = { about, verification, limits, results, memory }
const text = `${JSON.stringify(report, undefined, 2)}\n`
console.log(text)
if (options.json !== undefined) writeFileSync(options.json, text)

/** All in microseconds of processor time, of second passes. */
function comparedWithLimit(mode: 'native' | 'wasm') {
  const check = mode === 'native' ? verification.nativeMicroseconds : verification.wasmMicroseconds
  const perEvent = (copies: number, of: CollectorTask['mode']) => {
    const result = results.find((one) => one.copies === copies && one.mode === of)
    return (copies * 1e6) / result!.second
  }
  const [few, many] = [4, 10].map((copies) => {
    const limit = perEvent(copies, 'bare') + check
    const ours = perEvent(copies, mode)
    return { copies, limit: rounded(limit), ours: rounded(ours), ofLimit: rounded(limit / ours) }
  })
  // One unseen event and three known ones, or nine.
  const knownFrame = (many!.ours - few!.ours) / 6
  return {
    mode,
    check,
    perEvent: [few!, many!],
    unseenEvent: rounded(few!.ours - 3 * knownFrame),
    knownFrame: rounded(knownFrame),
    bareFrame: rounded((perEvent(4, 'bare') / 4 + perEvent(10, 'bare') / 10) / 2),
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

async function measure({ copies, events: count, mode }: Scenario): Promise<CollectorFigures> {
  const task: SimulatorTask = { file, count, copies, relays }
  const simulator = start('./intake-simulator.ts', task)
  try {
    const [listening]: { port: number }[] = await once(simulator, 'message')
    const collecting: CollectorTask = { port: listening!.port, relays, mode, observations: count * copies }
    const collector = start('./intake-collector.ts', collecting)
    const [figures]: CollectorFigures[] = await once(collector, 'message')
    await once(collector, 'exit')
    return figures!
  } finally {
    simulator.kill('SIGKILL')
  }
}

function start(
  file: string,
  task: SimulatorTask | CollectorTask | MemoryTask,
  execArgv: string[] = [],
): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(task)], { execArgv })
}

/** Of processor time, for one event. */
async function bareVerification(choice: 'native' | 'wasm'): Promise<number> {
  const verifier = await createSignatureVerifier(choice)
  const sample = readCorpus(file, choice === 'wasm' ? 2_000 : 20_000).map(
    (json): { id: string; pubkey: string; sig: string } => JSON.parse(json),
  )
  const before = process.cpuUsage()
  for (const { id, pubkey, sig } of sample) {
    if (!verifier.verify(id, pubkey, sig)) throw new TypeError('an event of the corpus does not hold')
  }
  const { user, system } = process.cpuUsage(before)
  return Math.round(((user + system) / sample.length) * 10) / 10
}

/** In a process that can be asked to collect its garbage. */
async function memoryOfMany(count: number): Promise<MemoryFigures> {
  const task: MemoryTask = { events: count, users: 300_000 }
  const counting = start('./intake-memory.ts', task, ['--expose-gc'])
  const [figures]: MemoryFigures[] = await once(counting, 'message')
  return figures!
}
