/**
 * How many observations a second of processor time one collector makes of what relays send: `node bench/observatory/intake.ts
 * [--events 40000] [--relays 240] [--rounds 3] [--many 1000000] [--json FILE]`. A process of loopback WebSockets sends signed events, each over
 * several of the relays; another one reads them with plain `ws` clients, takes them in and throws the batches away. In
 * the same run, as limits: the same frames with nobody who looks at them, and the bare verification of the events.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/kernel/index.ts'
import type { RelayFeed } from '../../src/observatory/index.ts'
import { createIntake } from '../../src/observatory/intake/index.ts'
import { createSignatureVerifier, type SignatureVerifier } from '../../src/platform/index.ts'
import type { CollectorFigures, CollectorTask } from './intake-collector.ts'
import { corpusFile, readCorpus } from './intake-corpus.ts'
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
const results: (Scenario & { readonly rounds: readonly CollectorFigures[]; readonly median: number })[] = []
for (const scenario of SCENARIOS) {
  const figures: CollectorFigures[] = []
  for (let round = 0; round < rounds; round++) figures.push(await measure(scenario))
  const speeds = figures.map(({ perCpuSecond }) => perCpuSecond).toSorted((a, b) => a - b)
  results.push({ ...scenario, rounds: figures, median: speeds[Math.floor(speeds.length / 2)]! })
  console.error(scenario.name, ...speeds)
}
const report = { about, verification, results, memory: await memoryOfMany(Number(options.many)) }
const text = `${JSON.stringify(report, undefined, 2)}\n`
console.log(text)
if (options.json !== undefined) writeFileSync(options.json, text)

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

function start(file: string, task: SimulatorTask | CollectorTask): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(task)])
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

/** Memory of an intake that has seen so many events: made up and believed, since signing a million takes long. */
async function memoryOfMany(count: number) {
  const verifier: SignatureVerifier = { name: 'believes', isNative: false, verify: () => true }
  const before = process.memoryUsage.rss()
  const intake = createIntake({ verifier, clock: systemClock })
  const feed: RelayFeed = { relay: 1, isAsked: () => true, offend: () => {} }
  const { computeEventId } = await import('../../src/nostr/index.ts')
  for (let n = 0; n < count; n++) {
    const pubkey = (n % 300_000).toString(16).padStart(8, '0').repeat(8)
    const event = { pubkey, created_at: systemClock.nowSeconds(), kind: 1, tags: [], content: `${n}` }
    intake.take(
      feed,
      Buffer.from(
        JSON.stringify(['EVENT', 's', { id: computeEventId(event), ...event, sig: '0'.repeat(128) }]),
      ),
    )
    if (intake.waitingRows >= 1_000) intake.takeBatch()
  }
  const megabytes = (bytes: number) => Math.round(bytes / 2 ** 20)
  return {
    events: intake.stats().seenEvents,
    rssBeforeMiB: megabytes(before),
    rssMiB: megabytes(process.memoryUsage.rss()),
  }
}
