/** Two collectors and a process that shows, on one PostgreSQL and one Redis: the figures are those of one, whoever is killed. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { tellStory } from '../network/index.ts'
import { observatoryHealth, untilCounted } from './observatory/ask-figures.ts'
import { startEventFlow } from './observatory/event-flow.ts'
import { storedEvents } from './observatory/events.ts'
import {
  relayNames,
  startWatchedNetwork,
  type WatchedNetwork,
  watching,
} from './observatory/watched-network.ts'
import { noServicesBecause, type SharedServices, startSharedServices } from './shared-services.ts'
import { Stage, type StoaEnvironment, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 })

const RELAYS = 60
const OVERLAP = 3
const SEED = 2
const EVENTS_PER_SECOND = 200
const PATIENCE = { timeout: 60_000, interval: 100 }
/** What the specification promises of a collector that died. */
const TAKEOVER = { timeout: 30_000, interval: 100 }

if (noServicesBecause !== undefined)
  console.warn(`SKIPPED: two collectors as one, since ${noServicesBecause}`)

describe.skipIf(noServicesBecause !== undefined)('two collectors and a process that shows', () => {
  const stage = new Stage()
  let services: SharedServices
  let network: WatchedNetwork
  let env: StoaEnvironment

  beforeAll(async () => {
    services = await startSharedServices()
    const urls = await relayNames(RELAYS)
    const { relays, placed } = tellStory({ urls, events: storedEvents(), overlap: OVERLAP, seed: SEED })
    network = await startWatchedNetwork(relays.map((relay) => ({ ...relay, latencyMs: 10 })))
    network.publish(placed)
    env = { ...services.env, ...watching(stage, network.loopback.addresses) }
  })
  afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))
  afterAll(async () => {
    await network.stop()
    await services.stop()
  })

  test('they split the relays, and the figures are exact, also after one is killed while events come, and then the keeper', async () => {
    const collect = () => stage.start({ env, roles: ['collector'] })
    const [api, ...collectors] = await Promise.all([
      stage.start({ env, roles: ['relay', 'api', 'jobs'] }),
      collect(),
      collect(),
    ])
    await vi.waitFor(() => expect([unread(network), readTwice(network)]).toEqual([[], []]), PATIENCE)
    await vi.waitFor(async () => {
      const shares = await Promise.all(collectors.map(connectedOf))
      expect(Math.min(...shares)).toBeGreaterThan(RELAYS / 6)
    }, PATIENCE)
    const { overview } = await untilCounted(api, network)
    expect(overview.coverage.source).toBe('cache')

    const flow = startEventFlow(network, EVENTS_PER_SECOND)
    const keeper = await keeperAmong(collectors)
    const other = collectors.find((one) => one !== keeper)!
    await some(flow.count + EVENTS_PER_SECOND, flow)
    await other.kill()
    await vi.waitFor(() => expect(unread(network)).not.toEqual([]), PATIENCE)
    await vi.waitFor(() => expect(unread(network)).toEqual([]), TAKEOVER)
    const spare = await collect()
    await vi.waitFor(async () => expect(await connectedOf(spare)).toBeGreaterThan(RELAYS / 6), PATIENCE)
    await some(flow.count + EVENTS_PER_SECOND, flow)
    await keeper.kill()
    await vi.waitFor(() => expect(unread(network)).not.toEqual([]), PATIENCE)
    await vi.waitFor(() => expect(unread(network)).toEqual([]), TAKEOVER)
    await vi.waitFor(async () => expect(await standing(spare)).toBe('keeping'), TAKEOVER)
    await some(flow.count + EVENTS_PER_SECOND, flow)
    await flow.stop()

    const after = await untilCounted(api, network)
    expect(after.overview.coverage.source).toBe('cache')
  })
})

/** Relays that nobody is connected to. */
function unread({ urls, loopback }: WatchedNetwork): readonly string[] {
  return urls.filter((url) => loopback.clientsOf(url) === 0)
}

function readTwice({ urls, loopback }: WatchedNetwork): readonly string[] {
  return urls.filter((url) => loopback.clientsOf(url) > 1)
}

async function connectedOf(collector: StoaProcess): Promise<number> {
  return Number((await observatoryHealth(collector)).connected)
}

async function standing(collector: StoaProcess): Promise<unknown> {
  return (await observatoryHealth(collector)).is
}

async function keeperAmong(collectors: readonly StoaProcess[]): Promise<StoaProcess> {
  for (const collector of collectors) if ((await standing(collector)) === 'keeping') return collector
  throw new Error('nobody keeps the figures')
}

function some(count: number, flow: { readonly count: number }): Promise<void> {
  return vi.waitFor(() => expect(flow.count).toBeGreaterThanOrEqual(count), PATIENCE)
}
