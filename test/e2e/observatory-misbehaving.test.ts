/** The observatory among relays of which a quarter lies, floods, hangs and breaks every rule there is: its figures are right. */
import { readFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import type { NostrEvent } from '../../src/nostr/index.ts'
import { startTestServer, type TestServer } from '../../src/platform/database/testing/index.ts'
import { tellStory } from '../network/index.ts'
import { relayPage, untilCounted } from './observatory/ask-figures.ts'
import { type BadRelay, isJustlyAccused, startBadRelays } from './observatory/bad-relays.ts'
import { freshEvents, storedEvents } from './observatory/events.ts'
import { loggedOffences } from './observatory/logged-offences.ts'
import {
  relayNames,
  startWatchedNetwork,
  type WatchedNetwork,
  watching,
} from './observatory/watched-network.ts'
import { Stage, type StoaProcess } from './stoa-process.ts'

vi.setConfig({ testTimeout: 300_000, hookTimeout: 60_000 })

const RELAYS = 240
const BAD_EVERY = 4
const OVERLAP = 4
const SEED = 66
/** The slowest offence takes half a minute of silence to be one, and is told within ten seconds. */
const LOGS_PATIENCE = { timeout: 120_000, interval: 2_000 }
const JUST: { readonly innocent: readonly string[]; readonly misjudged: readonly unknown[] } = {
  innocent: [],
  misjudged: [],
}
/** Of the program with the relay, the office and the observatory in it; PostgreSQL is another process. */
const MAX_RSS_BYTES = 700 * 1_048_576

const stage = new Stage()
const stops: (() => Promise<void>)[] = []
afterEach(async ({ task }) => {
  await stage.end({ hasFailed: task.result?.state === 'fail' })
  for (const stop of stops.splice(0)) await stop()
})

test('240 relays of which 60 misbehave in every way are counted as the 180 others are, each offence is logged against whoever did it, and memory stays bounded', async () => {
  const { network, bad } = await startNetwork()
  const addresses = new Map([
    ...network.loopback.addresses,
    ...bad.map(({ url, relay }) => [url, relay.url] as const),
  ])
  const server = await startTestServer()
  stops.push(() => server.close())
  const env = { ...watching(stage, addresses), STOA_DATABASE__URL: server.url() }
  const stoa = await stage.start({ hasOffice: true, env })

  await vi.waitFor(async () => expect(await accusations(server, bad)).toEqual(JUST), LOGS_PATIENCE)
  const fresh = freshEvents()
  network.publish(Array.from({ length: 500 }, (_, n) => ({ event: fresh(), urls: some(network.urls, n) })))
  countInvented(network, bad)
  const { overview } = await untilCounted(stoa, network)

  expect(overview.coverage.future_dated).toBeGreaterThan(0)
  expect(overview.coverage.absurdly_dated).toBeGreaterThan(0)
  expect(await accusations(server, bad)).toEqual(JUST)
  const forger = bad.find(({ way }) => way === 'forged-ids')!
  const { logs } = await relayPage(stoa, forger.url)
  expect(logs).toContainEqual(expect.objectContaining({ what: 'forged-id', level: 'warn' }))
  expect(peakMemoryOf(stoa)).toBeLessThan(MAX_RSS_BYTES)
})

/** Of relays that are accused of what they did not do, or not of what they did: that, by name. */
async function accusations(server: TestServer, bad: readonly BadRelay[]): Promise<typeof JUST> {
  const offences = await loggedOffences(server.url())
  const ways = new Map(bad.map(({ url, way }) => [url, way]))
  const innocent = [...offences.keys()].filter((url) => !ways.has(url))
  const misjudged = bad
    .map(({ url, way }) => ({ way, url, offences: offences.get(url) ?? new Set<string>() }))
    .filter((one) => !isJustlyAccused(one.way, one.offences))
  return { innocent, misjudged }
}

/** Every fourth relay of the list is bad. What those show, good ones have too, so that it counts whoever brings it. */
async function startNetwork(): Promise<{ network: WatchedNetwork; bad: readonly BadRelay[] }> {
  const urls = await relayNames(RELAYS)
  const eventsOfBad = new Map<string, NostrEvent[]>(
    urls.filter((_, index) => index % BAD_EVERY === 0).map((url) => [url, []]),
  )
  const { relays, placed } = tellStory({ urls, events: storedEvents(), overlap: OVERLAP, seed: SEED })
  const good = relays.filter(({ url }) => !eventsOfBad.has(url))
  const network = await startWatchedNetwork(good)
  stops.push(() => network.stop())
  for (const [n, { event, urls: chosen }] of placed.entries()) {
    for (const url of chosen) eventsOfBad.get(url)?.push(event)
    const others = chosen.filter((url) => !eventsOfBad.has(url))
    network.publish([{ event, urls: others.length > 0 ? others : [good[n % good.length]!.url] }])
  }
  const bad = await startBadRelays(eventsOfBad)
  stops.push(async () => void (await Promise.all(bad.map(({ relay }) => relay.stop()))))
  return { network, bad }
}

/** Keys that nobody else shows are people until there are too many of them: their events hold. */
function countInvented(network: WatchedNetwork, bad: readonly BadRelay[]): void {
  for (const { relay } of bad) for (const event of relay.invented) network.countElsewhere(event)
}

function some(urls: readonly string[], n: number): readonly string[] {
  return [0, 7, 31].map((step) => urls[(n + step) % urls.length]!)
}

function peakMemoryOf({ pid }: StoaProcess): number {
  const kibibytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kibibytes) * 1024
}
