/** Two regions that measure every relay, and two processes that show, on one PostgreSQL and one Redis. */
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type LoopbackNetwork, startLoopbackNetwork } from '../network/index.ts'
import { fullFigures, observatoryHealth, relayPage, untilCounted } from './observatory/ask-figures.ts'
import { freshEvents } from './observatory/events.ts'
import {
  relayNames,
  startWatchedNetwork,
  type WatchedNetwork,
  watching,
} from './observatory/watched-network.ts'
import { noServicesBecause, type SharedServices, startSharedServices } from './shared-services.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const RELAYS = 8
const EVENTS = 200
/** How far away relays are; latencies are kept in steps of a tenth. */
const EU_MS = 5
const US_MS = 200
const STEP = 1.1
const PATIENCE = { timeout: 60_000, interval: 250 }
/** More than the rest of this file asks. */
const REQUESTS = 600
/** Each address has windows of its own; one with so much left of its window is taken, so that it does not end meanwhile. */
const OTHER_ADDRESSES = ['127.0.0.9', '127.0.0.10', '127.0.0.11', '127.0.0.12']
const LEFT_SECONDS = 120

if (noServicesBecause !== undefined) console.warn(`SKIPPED: two regions, since ${noServicesBecause}`)

describe.skipIf(noServicesBecause !== undefined)('two regions and two processes that show', () => {
  const stage = new Stage()
  const next = freshEvents()
  let hasFailed = false
  let services: SharedServices
  /** The relays as `eu` reaches them, and what was published. */
  let network: WatchedNetwork
  /** The same relays as `us` reaches them. */
  let us: LoopbackNetwork
  let usCollector: StoaProcess
  let apis: readonly [StoaProcess, StoaProcess]

  beforeAll(async () => {
    services = await startSharedServices()
    const urls = await relayNames(RELAYS)
    network = await startWatchedNetwork(urls.map((url) => ({ url, latencyMs: EU_MS })))
    us = await startLoopbackNetwork(urls.map((url) => ({ url, latencyMs: US_MS })))
    publish()
    const collectorIn = (region: string, addresses: ReadonlyMap<string, string>) => ({
      env: { ...services.env, ...watching(stage, addresses), STOA_OBSERVATORY__REGION: region },
      roles: ['collector'],
    })
    const api = {
      ...services.env,
      ...watching(stage, network.loopback.addresses),
      STOA_OBSERVATORY__API__REQUESTS_PER15_MINUTES: `${REQUESTS}`,
    }
    const [first, second, , collector] = await Promise.all([
      stage.start({ env: api, roles: ['relay', 'api', 'jobs'] }),
      stage.start({ env: api, roles: ['relay', 'api'] }),
      stage.start(collectorIn('eu', network.loopback.addresses)),
      stage.start(collectorIn('us', us.addresses)),
    ])
    apis = [first, second]
    usCollector = collector
  })
  afterEach(({ task }) => {
    hasFailed ||= task.result?.state === 'fail'
  })
  afterAll(async () => {
    await stage.end({ hasFailed })
    await us?.stop()
    await network?.stop()
    await services?.stop()
  })

  /** Each event on two relays, in both regions. */
  function publish(): void {
    const { urls } = network
    const placed = Array.from({ length: EVENTS }, (_, n) => ({
      event: next(),
      urls: [urls[n % RELAYS]!, urls[(n * 3 + 1) % RELAYS]!],
    }))
    network.publish(placed)
    for (const one of placed) us.publish(one.event, one.urls)
  }

  test('each region measures every relay, an event counts once, and latency is that of the nearer one', async () => {
    const [api] = apis
    // One region may have shown everything before the other has said anything.
    await vi.waitFor(async () => {
      const { coverage } = (await fullFigures(api)).overview
      expect(coverage).toMatchObject({ regions: ['eu', 'us'], relays_connected: RELAYS })
      expect([unread(network.urls, network.loopback), unread(network.urls, us)]).toEqual([[], []])
    }, PATIENCE)
    await untilCounted(api, network)
    for (const url of network.urls) {
      const measured = await vi.waitFor(async () => measuredOf(await relayPage(api, url)), PATIENCE)
      const { eu, us: far } = measured.regions
      expect(far?.latency_p50).toBeGreaterThanOrEqual(US_MS / STEP)
      expect(measured.latency_p50).toBe(Math.min(eu?.latency_p50 ?? 0, far?.latency_p50 ?? 0))
      expect(measured.uptime).toBeGreaterThan(50)
    }
  })

  test('a relay that one region alone cannot reach is live, connected to and read on', async () => {
    const [api] = apis
    const [url = ''] = network.urls
    us.setAway(url, true)
    await vi.waitFor(async () => {
      expect((await observatoryHealth(usCollector)).connected).toBe(RELAYS - 1)
      // The keeper has heard of it.
      const { logs } = await relayPage(api, url)
      expect(logs).toContainEqual(expect.objectContaining({ what: 'waiting', level: 'info' }))
    }, PATIENCE)
    publish()
    const { overview } = await untilCounted(api, network)
    expect(overview.coverage).toMatchObject({ relays_connected: RELAYS, relays_watched: RELAYS })
    const page = await relayPage(api, url)
    expect(page).toMatchObject({ state: 'live', offences: {} })
    expect(page.uptime).toBeGreaterThan(50)
  })

  test('both processes give the same answer, with the same tag, and the page', async () => {
    const path = '/api/v1/stats/full/all'
    await vi.waitFor(async () => {
      const [one, other] = await Promise.all(apis.map((api) => fetch(api.httpUrl(path))))
      const tag = one!.headers.get('etag') ?? 'none'
      expect(other!.headers.get('etag')).toBe(tag)
      expect(await other!.text()).toBe(await one!.text())
      const again = await fetch(apis[1].httpUrl(path), { headers: { 'if-none-match': tag } })
      expect(again.status).toBe(304)
    }, PATIENCE)
    const pages = await Promise.all(apis.map(async (api) => (await fetch(api.httpUrl('/'))).text()))
    expect(pages[0]).toContain('<div id="app">')
    expect(pages[1]).toBe(pages[0])
    for (const api of apis) expect((await fullFigures(api)).overview.coverage.source).toBe('cache')
  })

  test('what somebody may ask is counted over both', async () => {
    const [one, other] = apis
    const address = await addressWithTime(one)
    expect(await askUntilRefused(one, address)).toBeGreaterThan(REQUESTS / 2)
    // There they have asked nothing yet: it knows by what it is told, a second later at most.
    expect(await askUntilRefused(other, address)).toBeLessThan(REQUESTS / 2)
    // Everybody else is served.
    expect((await fetch(other.httpUrl('/api/v1/stats/overview'))).status).toBe(200)
  })
})

/** Relays that are not connected to, or more than once. */
function unread(urls: readonly string[], loopback: LoopbackNetwork): readonly string[] {
  return urls.filter((url) => loopback.clientsOf(url) !== 1)
}

/** The step of the history that both regions have measured. */
function measuredOf({ history }: Awaited<ReturnType<typeof relayPage>>) {
  const measured = history.find(({ regions }) => {
    const { eu, us } = regions
    return [eu, us].every((one) => typeof one?.latency_p50 === 'number' && one.uptime !== null)
  })
  if (measured === undefined) throw new Error('not measured in both regions yet')
  return measured
}

async function addressWithTime(api: StoaProcess): Promise<string> {
  for (const address of OTHER_ADDRESSES) {
    const { headers } = await askFrom(address, api)
    if (Number(headers['ratelimit-reset']) > LEFT_SECONDS) return address
  }
  throw new Error('the windows of all addresses are about to end')
}

/** @returns how many were answered before. */
async function askUntilRefused(api: StoaProcess, address: string): Promise<number> {
  for (let asked = 0; asked <= REQUESTS; asked++) {
    const { statusCode } = await askFrom(address, api)
    if (statusCode === 429) return asked
    expect(statusCode).toBe(200)
  }
  throw new Error(`${REQUESTS} requests were answered, and no end`)
}

async function askFrom(localAddress: string, api: StoaProcess): Promise<IncomingMessage> {
  const request = get(api.httpUrl('/api/v1/stats/overview'), { localAddress })
  // What the event carries.
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  await text(response)
  return response
}
