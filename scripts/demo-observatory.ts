/**
 * `npm run demo:observatory`: the observatory at work without leaving this machine. Relays on loopback stand in for those
 * of the seed list, by their names, and replay events, real ones where they lie beside the repository; some are slow, some go away and come
 * back. The program is the real one, with a data folder that is removed afterwards.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createSigner } from '../bench/dataset/signer.ts'
import { syntheticEvents } from '../bench/dataset/synthetic.ts'
import { findRealEvents } from '../bench/dataset.ts'
import type { NostrEvent } from '../src/nostr/index.ts'
import { seedRelays } from '../src/observatory/seeds/index.ts'
import {
  type LoopbackNetwork,
  type Placed,
  randomOf,
  startLoopbackNetwork,
  tellStory,
  withPaidZaps,
} from '../test/network/index.ts'

const ROOT = resolve(import.meta.dirname, '..')
const HELP = `npm run demo:observatory -- [options]

Shows the observatory over a network of relays on this machine; nothing leaves it.

  --port <n>      where the page is (7777)
  --relays <n>    how many relays there are (240)
  --seconds <n>   end so long after the first figures are there; otherwise with Ctrl-C
  --help          this text
`
const OVERLAP = 4
const SEED = 1
/** Of the stored events, what the relays have before anybody asks; the others come as if they were just sent. */
const SHARE_AT_FIRST = 0.6
/** Events that are made anew while it runs, so that the last hours fill too. */
const FRESH_EVENTS = 6_000
const TICK_MS = 100
const SECONDS_TO_FILL = 120
/** Looks for the first figures; each is one of the hundred requests that an address has. */
const LOOK_MS = 2_000
/** How often a relay goes away, and for how long. */
const AWAY_EVERY_MS = 5_000
const AWAY_FOR_MS = 20_000

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '7777' },
    relays: { type: 'string', default: '240' },
    seconds: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

/** The real events beside the repository, or none. */
function storedEvents(): readonly NostrEvent[] {
  const path = findRealEvents(ROOT)
  if (path === undefined) {
    console.error('No real events beside the repository: only synthetic ones are shown.')
    return []
  }
  return readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as NostrEvent)
}

/** Signed as they are needed: a month of a public relay, which ends now. Its zaps are paid, as far as anybody can tell. */
function freshEvents(): Promise<readonly NostrEvent[]> {
  const endsAtSeconds = Math.floor(Date.now() / 1000)
  const options = { seed: `${endsAtSeconds}`, count: FRESH_EVENTS, profile: 'square', endsAtSeconds } as const
  return withPaidZaps([...syntheticEvents(options, createSigner())], SEED)
}

/** Gives out what is left, evenly over two minutes, until it is told to stop. */
async function replay(
  network: LoopbackNetwork,
  placed: readonly Placed[],
  signal: AbortSignal,
): Promise<void> {
  const perTick = Math.max(1, Math.ceil((placed.length * TICK_MS) / (SECONDS_TO_FILL * 1000)))
  for (let next = 0; next < placed.length && !signal.aborted; next += perTick) {
    for (const { event, urls } of placed.slice(next, next + perTick)) network.publish(event, urls)
    await delay(TICK_MS)
  }
}

/** Now and then a relay is away for a while. */
async function disturb(
  network: LoopbackNetwork,
  urls: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const random = randomOf(SEED)
  while (!signal.aborted) {
    const url = urls[Math.floor(random() * urls.length)]!
    network.setAway(url, true)
    setTimeout(() => network.setAway(url, false), AWAY_FOR_MS).unref()
    await delay(AWAY_EVERY_MS)
  }
}

/** Not from the start on: how long that takes is up to the machine. */
async function endAfter(seconds: number, ending: AbortController): Promise<void> {
  const url = `http://127.0.0.1:${values.port}/api/v1/stats/overview`
  const hasFigures = () =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!ending.signal.aborted && !(await hasFigures())) await delay(LOOK_MS)
  setTimeout(() => ending.abort(), seconds * 1000).unref()
}

async function run(): Promise<void> {
  const count = Number(values.relays)
  const urls = (await seedRelays()).slice(0, count)
  if (urls.length < count) throw new Error(`The seed list has ${urls.length} relays; ask for no more.`)
  const events = [...storedEvents(), ...(await freshEvents())]
  const { relays, placed } = tellStory({ urls, events, overlap: OVERLAP, seed: SEED })
  const network = await startLoopbackNetwork(relays)
  const random = randomOf(SEED + 1)
  const atFirst = placed.filter(() => random() < SHARE_AT_FIRST)
  const known = new Set(atFirst)
  for (const { event, urls: on } of atFirst) network.publish(event, on)
  const folder = mkdtempSync(join(tmpdir(), 'stoa-demo-'))
  const addressFile = join(folder, 'addresses')
  writeFileSync(addressFile, [...network.addresses].map(([url, address]) => `${url} ${address}\n`).join(''))
  const ending = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ending.abort())
  console.error(
    `${urls.length} relays on this machine hold ${events.length} events, each on ${OVERLAP} of them on average.`,
  )
  console.error(`The page: http://localhost:${values.port}/  (Ctrl-C ends it)`)
  const program = spawn(
    process.execPath,
    [join(ROOT, 'bin/stoa.js'), 'start', '--data', join(folder, 'data'), '--port', values.port],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        STOA_OBSERVATORY__WATCH: 'network',
        STOA_OBSERVATORY__ADDRESS_FILE: addressFile,
        STOA_OBSERVATORY__SEED_LIST: 'false',
        STOA_OBSERVATORY__SEEDS: urls.join(','),
        STOA_OBSERVATORY__DISCOVER: 'false',
        STOA_OBSERVATORY__BACKFILL_HOURS: '0',
        // A twentieth is kept for relays that have not answered yet.
        STOA_OBSERVATORY__MAX_CONNECTIONS: String(Math.ceil(urls.length * 1.1)),
      },
    },
  )
  const ended = new Promise<number | null>((done) => program.once('exit', (code) => done(code)))
  void ended.then(() => ending.abort())
  void replay(
    network,
    placed.filter((one) => !known.has(one)),
    ending.signal,
  )
  void disturb(network, urls, ending.signal)
  if (values.seconds !== undefined) void endAfter(Number(values.seconds), ending)
  await new Promise((aborted) => ending.signal.addEventListener('abort', aborted, { once: true }))
  program.kill('SIGTERM')
  // What did not end well is not to look as if it had.
  if ((await ended) !== 0) process.exitCode = 1
  await network.stop()
  rmSync(folder, { recursive: true, force: true })
}

if (values.help) console.log(HELP)
else await run()
