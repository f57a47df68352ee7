/**
 * How quickly the API answers: `node bench/observatory/api.ts [--rate 1000] [--seconds 15] [--json FILE]`. The program runs
 * on one core, with a network of 240 relays on loopback that it has read; the requests come from another core, at a
 * steady rate in an open loop. `limit` is a page that is a few bytes and counts nothing (`/healthz`), in the same run.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DEFAULT_KINDS } from '../../src/observatory/collector/index.ts'
import { seedRelays } from '../../src/observatory/seeds/index.ts'
import { startLoopbackNetwork, tellStory } from '../../test/network/index.ts'
import { createSigner } from '../dataset/signer.ts'
import { syntheticEvents } from '../dataset/synthetic.ts'
import type { ApiLoadFigures, ApiLoadTask } from './api-load.ts'

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '15' },
    events: { type: 'string', default: '20000' },
    port: { type: 'string', default: '7851' },
    json: { type: 'string' },
  },
})
const ROOT = resolve(import.meta.dirname, '../..')
const RELAYS = 240
const OVERLAP = 4
const CONNECTIONS = 64
/** The program is given so long to read the network. */
const FILL_TIMEOUT_MS = 180_000
const PROGRAM_CORE = '0'
const LOAD_CORE = '1'

const port = Number(options.port)
const perSecond = Number(options.rate)
const seconds = Number(options.seconds)
const events = Number(options.events)

const urls = (await seedRelays()).slice(0, RELAYS)
const endsAtSeconds = Math.floor(Date.now() / 1000)
const made = syntheticEvents({ seed: 'api', count: events, profile: 'square', endsAtSeconds }, createSigner())
const kinds = new Set<number>(DEFAULT_KINDS)
const watched = [...made].filter(({ kind }) => kinds.has(kind))
const { relays, placed } = tellStory({ urls, events: watched, overlap: OVERLAP, seed: 1 })
const network = await startLoopbackNetwork(relays.map((facts) => ({ ...facts, latencyMs: 0 })))
for (const { event, urls: on } of placed) network.publish(event, on)
const folder = mkdtempSync(join(tmpdir(), 'stoa-bench-'))
writeFileSync(join(folder, 'addresses'), [...network.addresses].map((pair) => `${pair.join(' ')}\n`).join(''))

const program = spawn(
  'taskset',
  [
    '-c',
    PROGRAM_CORE,
    process.execPath,
    join(ROOT, 'bin/stoa.js'),
    'start',
    '--data',
    join(folder, 'data'),
    '--port',
    options.port,
  ],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      STOA_LOG__LEVEL: 'warn',
      STOA_OBSERVATORY__WATCH: 'network',
      STOA_OBSERVATORY__ADDRESS_FILE: join(folder, 'addresses'),
      STOA_OBSERVATORY__SEED_LIST: 'false',
      STOA_OBSERVATORY__SEEDS: urls.join(','),
      STOA_OBSERVATORY__DISCOVER: 'false',
      STOA_OBSERVATORY__BACKFILL_HOURS: '0',
      STOA_OBSERVATORY__MONITOR__PUBLISHES: 'false',
      STOA_OBSERVATORY__API__REQUESTS_PER15_MINUTES: '1000000',
    },
  },
)
try {
  await untilRead()
  const relayPaths = urls
    .slice(0, 200)
    .map((url) => `/api/v1/stats/relays/${encodeURIComponent(`${url}/`)}?range=30d`)
  const rows = [
    await measure('limit: /healthz', ['/healthz']),
    await measure('cached: overview', ['/api/v1/stats/overview']),
    await measure('cached: full/30d, 240 relays', ['/api/v1/stats/full/30d']),
    await measure('cached: relays, filtered in 20 ways', filteredPaths()),
    await measure('database: pages of 200 relays', relayPaths),
  ]
  const report = {
    at: new Date().toISOString(),
    cpu: cpus()[0]?.model,
    perSecond,
    seconds,
    relays: RELAYS,
    events,
    rows,
  }
  console.log(JSON.stringify(report, undefined, 2))
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, undefined, 2)}\n`)
} finally {
  program.kill('SIGTERM')
  await once(program, 'exit')
  await network.stop()
  rmSync(folder, { recursive: true, force: true })
}

function filteredPaths(): readonly string[] {
  return Array.from(
    { length: 20 },
    (_, n) => `/api/v1/stats/relays?range=7d&sort=-events&limit=50&nip=${1 + (n % 4)}&min_uptime=${n}`,
  )
}

/** Until every event is in the figures. */
async function untilRead(): Promise<void> {
  const deadlineMs = performance.now() + FILL_TIMEOUT_MS
  while (performance.now() < deadlineMs) {
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/stats/overview?range=all`).catch(
      () => undefined,
    )
    const body = answer?.ok === true ? ((await answer.json()) as { total_events: number }) : undefined
    if (body?.total_events === watched.length) return
    await delay(500)
  }
  throw new Error(`The program has not read all ${watched.length} events in ${FILL_TIMEOUT_MS} ms.`)
}

async function measure(name: string, paths: readonly string[]) {
  const child: ChildProcess = fork(fileURLToPath(new URL('./api-load.ts', import.meta.url)), {
    execPath: 'taskset',
    execArgv: ['-c', LOAD_CORE, process.execPath],
  })
  child.send({ port, paths, perSecond, seconds, connections: CONNECTIONS } satisfies ApiLoadTask)
  const [figures] = (await once(child, 'message')) as [ApiLoadFigures]
  child.disconnect()
  return { name, ...figures, p50Ms: round(figures.p50Ms), p99Ms: round(figures.p99Ms) }
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
