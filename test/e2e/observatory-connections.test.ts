/** Thousands of relays at once: each is connected to, read to the end of what it has, and counted. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { FullBody } from '../../src/observatory/api/index.ts'
import { fullFigures, observatoryHealth } from './observatory/ask-figures.ts'
import { freshEvents } from './observatory/events.ts'
import { reaching, startWatchedNetwork, type WatchedNetwork } from './observatory/watched-network.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

const IS_LONG = process.env.STOA_LONG === '1'
/** With all ten thousand connections, what is left of them beside the places for relays that have to prove themselves. */
const RELAYS = IS_LONG ? 9_400 : 1_000
const MAX_CONNECTIONS = IS_LONG ? 10_000 : 1_100
/** From so many connections on, what comes besides is taken for the connections alone. */
const FIRST_RELAYS = 200
/** 64 of them are begun in a second. */
const PATIENCE = { timeout: IS_LONG ? 900_000 : 120_000, interval: 500 }
/** Of one relay: its socket, what is asked of it, and its latencies by hour and day, which are 29 KB alone. */
const MAX_BYTES_PER_RELAY = 192 * 1024
const PAGE_RELAYS = 1_000
/** Beside one for each relay, here and there. */
const OTHER_FILES = 300

vi.setConfig({ testTimeout: 2 * PATIENCE.timeout })

const openFiles = maxOpenFiles()
const isShort = openFiles < RELAYS + OTHER_FILES
if (isShort)
  console.warn(`SKIPPED: ${RELAYS} relays at once, since ${openFiles} files may be open (ulimit -n)`)

describe.skipIf(isShort)('thousands of relays', () => {
  const stage = new Stage()
  let network: WatchedNetwork | undefined
  afterEach(async ({ task }) => {
    await stage.end({ hasFailed: task.result?.state === 'fail' })
    await network?.stop()
  })

  test(`${RELAYS} relays are connected to at once and read whole, each for a bounded piece of memory`, async () => {
    const urls = Array.from({ length: RELAYS }, (_, n) => `wss://r${n}.example.org`)
    network = await startWatchedNetwork(urls.map((url) => ({ url })))
    const next = freshEvents()
    network.publish(urls.map((url, n) => ({ event: next(), urls: [url, urls[(n + 1) % RELAYS]!] })))
    const configFile = join(stage.folder(), 'stoa.toml')
    writeFileSync(configFile, `[observatory]\nseeds = ${JSON.stringify(urls)}\n`)
    const stoa = await stage.start({
      hasOffice: true,
      configFile,
      env: {
        ...reaching(stage, network.loopback.addresses),
        STOA_OBSERVATORY__MAX_CONNECTIONS: `${MAX_CONNECTIONS}`,
      },
    })
    await untilConnected(stoa, FIRST_RELAYS)
    const first = { bytes: memoryOf(stoa), relays: await connectedOf(stoa) }
    await untilConnected(stoa, RELAYS)
    const { events, users } = network.expected()
    await vi.waitFor(async () => {
      const { overview } = await fullFigures(stoa)
      expect(overview).toMatchObject({ total_events: events, unique_authors: users, active_relays: RELAYS })
      // Whoever is live has sent all that it has, to the end of stored events. Each has its own event and its neighbour's.
      const relays = await allRelays(stoa)
      expect(relays.filter(({ state, events: its }) => state === 'live' && its === 2)).toHaveLength(RELAYS)
    }, PATIENCE)

    const perRelay = (memoryOf(stoa) - first.bytes) / (RELAYS - first.relays)
    console.info(`${RELAYS} relays: ${memoryOf(stoa) >> 20} MiB, ${Math.round(perRelay / 1024)} KiB a relay`)
    expect(perRelay).toBeLessThan(MAX_BYTES_PER_RELAY)
    for (const url of urls) expect(network.loopback.clientsOf(url)).toBe(1)
  })
})

async function untilConnected(stoa: StoaProcess, count: number): Promise<void> {
  await vi.waitFor(async () => expect(await connectedOf(stoa)).toBeGreaterThanOrEqual(count), PATIENCE)
}

/** They come by pages. */
async function allRelays(stoa: StoaProcess): Promise<FullBody['relays']> {
  const relays: FullBody['relays'][number][] = []
  for (let offset = 0; ; offset += PAGE_RELAYS) {
    const path = `/api/v1/stats/relays?range=all&limit=${PAGE_RELAYS}&offset=${offset}`
    // The shape is that of the API.
    const page = (await (await fetch(stoa.httpUrl(path))).json()) as FullBody['relays']
    relays.push(...page)
    if (page.length < PAGE_RELAYS) return relays
  }
}

async function connectedOf(stoa: StoaProcess): Promise<number> {
  return Number((await observatoryHealth(stoa)).connected)
}

function memoryOf({ pid }: StoaProcess): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) * 1024
}

/** As many as Node.js takes when it starts: the hard limit. */
function maxOpenFiles(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
}
