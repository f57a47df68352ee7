/** The observatory under load without its database, and killed: nothing that the network said is missing afterwards. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test, vi } from 'vitest'
import { startTestServer } from '../../src/platform/database/testing/index.ts'
import { tellStory } from '../network/index.ts'
import { fullFigures, observatoryHealth, untilCounted } from './observatory/ask-figures.ts'
import { startEventFlow } from './observatory/event-flow.ts'
import { storedEvents } from './observatory/events.ts'
import {
  relayNames,
  startWatchedNetwork,
  type WatchedNetwork,
  watching,
} from './observatory/watched-network.ts'
import { Stage } from './stoa-process.ts'

const IS_LONG = process.env.STOA_LONG === '1'
const OUTAGE_MS = IS_LONG ? 60_000 : 4_000
/** While fresh events come; one more before. */
const KILLS = IS_LONG ? 7 : 1
const RELAYS = 60
const OVERLAP = 3
const SEED = 3
const EVENTS_PER_SECOND = 300
const LOOK_MS = 500
const PATIENCE = { timeout: 60_000, interval: 100 }

vi.setConfig({ testTimeout: IS_LONG ? 900_000 : 300_000, hookTimeout: 60_000 })

const stage = new Stage()
const stops: (() => Promise<unknown>)[] = []
afterEach(async ({ task }) => {
  await stage.end({ hasFailed: task.result?.state === 'fail' })
  for (const stop of stops.splice(0).reverse()) await stop()
})

test('while PostgreSQL is away the page shows its last figures and the journal grows; afterwards nothing is missing', async () => {
  const network = await startNetwork()
  const server = await startTestServer()
  stops.push(() => server.close())
  const env = { ...watching(stage, network.loopback.addresses), STOA_DATABASE__URL: server.url() }
  const stoa = await stage.start({ hasOffice: true, env })
  const before = await untilCounted(stoa, network)
  const flow = startEventFlow(network, EVENTS_PER_SECOND)
  stops.push(() => flow.stop())
  await some(EVENTS_PER_SECOND, flow)

  await server.shutDown()
  const backMs = performance.now() + OUTAGE_MS
  await vi.waitFor(async () => {
    const { status, journalBytes } = await observatoryHealth(stoa)
    expect(status).toBe('degraded')
    expect(journalBytes).toBeGreaterThan(0)
  }, PATIENCE)
  do {
    const { overview } = await fullFigures(stoa)
    expect(overview.total_events).toBeGreaterThanOrEqual(before.overview.total_events)
    for (const range of ['24h', '7d', '30d', '90d', 'all'])
      expect((await fetch(stoa.httpUrl(`/api/v1/stats/overview?range=${range}`))).status).toBe(200)
    expect((await fetch(stoa.httpUrl('/'))).status).toBe(200)
    await delay(LOOK_MS)
  } while (performance.now() < backMs)
  await server.start()
  await some(flow.count + EVENTS_PER_SECOND, flow)
  await flow.stop()

  await untilCounted(stoa, network)
  await vi.waitFor(async () => {
    expect(await observatoryHealth(stoa)).toMatchObject({ status: 'ok', journalBytes: 0, is: 'keeping' })
  }, PATIENCE)
})

test('killed again and again while events come, the program comes back to the figures of a plain count', async () => {
  const network = await startNetwork()
  const env = watching(stage, network.loopback.addresses)
  const dataDir = stage.folder()
  const start = () => stage.start({ hasOffice: true, env, dataDir })
  let stoa = await start()
  await vi.waitFor(() => expect(isWatched(network)).toBe(true), PATIENCE)
  // Once while the past is read, and then when it was: relays are not asked for it again, so it must be remembered.
  await stoa.kill()
  stoa = await start()
  await untilCounted(stoa, network)
  const flow = startEventFlow(network, EVENTS_PER_SECOND)
  stops.push(() => flow.stop())
  for (let kill = 0; kill < KILLS; kill++) {
    await some(flow.count + EVENTS_PER_SECOND * (1 + kill), flow)
    await stoa.kill()
    stoa = await start()
  }
  await some(flow.count + 2 * EVENTS_PER_SECOND, flow)
  await flow.stop()
  await untilCounted(stoa, network)
  expect(await stoa.stop()).toMatchObject({ code: 0 })
})

test('killed while PostgreSQL is away, the program comes back with it to the figures of a plain count', async () => {
  const network = await startNetwork()
  const server = await startTestServer()
  stops.push(() => server.close())
  const env = { ...watching(stage, network.loopback.addresses), STOA_DATABASE__URL: server.url() }
  const dataDir = stage.folder()
  const start = () => stage.start({ hasOffice: true, env, dataDir })
  const killed = await start()
  const flow = startEventFlow(network, EVENTS_PER_SECOND)
  stops.push(() => flow.stop())
  await vi.waitFor(() => expect(isWatched(network)).toBe(true), PATIENCE)
  await server.shutDown()
  await vi.waitFor(async () => {
    expect((await observatoryHealth(killed)).journalBytes).toBeGreaterThan(0)
  }, PATIENCE)
  await some(flow.count + EVENTS_PER_SECOND, flow)
  await killed.kill()
  await server.start()
  const stoa = await start()
  await some(flow.count + EVENTS_PER_SECOND, flow)
  await flow.stop()
  await untilCounted(stoa, network)
})

async function startNetwork(): Promise<WatchedNetwork> {
  const urls = await relayNames(RELAYS)
  const { relays, placed } = tellStory({ urls, events: storedEvents(), overlap: OVERLAP, seed: SEED })
  const network = await startWatchedNetwork(relays.map((relay) => ({ ...relay, latencyMs: 10 })))
  stops.push(() => network.stop())
  network.publish(placed)
  return network
}

function isWatched({ urls, loopback }: WatchedNetwork): boolean {
  return urls.every((url) => loopback.clientsOf(url) > 0)
}

function some(count: number, flow: { readonly count: number }): Promise<void> {
  return vi.waitFor(() => expect(flow.count).toBeGreaterThanOrEqual(count), PATIENCE)
}
