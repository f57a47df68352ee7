/** Our own network goes away and comes back: no relay is blamed, and no relay can hide behind it. */
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../../platform/bus/testing/index.ts'
import {
  createJumpingClock,
  createLoopbackForwarder,
  type MisbehavingRelay,
  openTestCollector,
  startMisbehavingRelay,
  type TestCollector,
} from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function startRelays(count: number): Promise<readonly MisbehavingRelay[]> {
  const relays = await Promise.all(Array.from({ length: count }, () => startMisbehavingRelay()))
  stops.push(...relays.map((relay) => () => relay.stop()))
  return relays
}

/** Relays behind a way that can be cut, all of them live and proven. */
async function openBehindForwarder(count: number, pingSeconds = 60) {
  const forwarder = createLoopbackForwarder()
  stops.push(() => forwarder.stop())
  const urls = await Promise.all((await startRelays(count)).map(({ port }) => forwarder.add(port)))
  const clock = createJumpingClock()
  const watched = await openTestCollector({
    seeds: urls,
    clock,
    settings: { pingSeconds },
    limits: { connectTimeoutMs: 300 },
  })
  stops.push(() => watched.stop())
  await eventually(() => areLive(watched, count))
  return { forwarder, urls, clock, watched }
}

function areLive(watched: TestCollector, count: number): boolean {
  return (
    watched.collector.relays().filter(({ state, isProven }) => isProven && state === 'live').length === count
  )
}

const COUNT = 30

test('an outage of our own network is no downtime of relays, and all of them are back at once', async () => {
  const { forwarder, clock, watched } = await openBehindForwarder(COUNT)
  const before = watched.reports.length
  const cutAtSeconds = clock.nowSeconds()
  forwarder.cut()
  await eventually(() => watched.collector.stats().ownOutageSince !== undefined)
  expect(watched.collector.stats()).toMatchObject({ ownOutages: 1, connected: 0 })
  expect(watched.collector.stats().ownOutageSince).toBeGreaterThanOrEqual(cutAtSeconds - 1)
  // Hours go by, as far as anybody can tell; scouts go out meanwhile.
  for (let n = 0; n < 8; n++) {
    clock.jumpSeconds(1_800)
    await delay(50)
  }
  expect(watched.collector.relays().filter(({ failures }) => failures > 0)).toEqual([])
  await forwarder.restore()
  await eventually(() => areLive(watched, COUNT))
  expect(watched.collector.stats()).toMatchObject({ ownOutages: 1, ownOutageSince: undefined })
  watched.deliver()
  const reports = watched.reports.slice(before)
  expect(reports.length).toBeGreaterThanOrEqual(COUNT)
  for (const report of reports) {
    expect(report).toMatchObject({ failures: 0, offences: {} })
    expect(report.state).not.toBe('waiting')
    expect(report.connectedSeconds).toBe(report.watchedSeconds)
  }
})

test('nor is one in which connections just say nothing any more, as when a cable is pulled', async () => {
  const { forwarder, watched } = await openBehindForwarder(10, 1)
  const before = watched.reports.length
  forwarder.silence()
  await eventually(() => watched.collector.stats().connected === 0)
  await eventually(() => watched.collector.stats().ownOutageSince !== undefined)
  await forwarder.restore()
  await eventually(() => areLive(watched, 10))
  watched.deliver()
  for (const report of watched.reports.slice(before)) {
    expect(report).toMatchObject({ failures: 0, offences: {} })
    expect(report.connectedSeconds).toBe(report.watchedSeconds)
  }
})

test('an outage that comes again is judged again', async () => {
  const { forwarder, watched } = await openBehindForwarder(8)
  for (const times of [1, 2]) {
    forwarder.cut()
    await eventually(() => watched.collector.stats().ownOutageSince !== undefined)
    expect(watched.collector.stats().ownOutages).toBe(times)
    await forwarder.restore()
    await eventually(() => areLive(watched, 8))
  }
  expect(watched.collector.relays().every(({ failures }) => failures === 0)).toBe(true)
})

test('a few relays are tried while our network is away, and the others wait', async () => {
  const { forwarder, watched } = await openBehindForwarder(COUNT)
  forwarder.cut()
  await eventually(() => watched.collector.stats().ownOutageSince !== undefined)
  for (let n = 0; n < 20; n++) {
    expect(watched.collector.stats().connecting).toBeLessThanOrEqual(5)
    await delay(20)
  }
})

test('of a hundred relays, sixty that are lost while the others answer are down', async () => {
  const relays = await startRelays(100)
  const clock = createJumpingClock()
  const watched = await openTestCollector({ seeds: relays.map(({ url }) => url), clock })
  stops.push(() => watched.stop())
  await eventually(() => areLive(watched, 100))
  const lost = new Set(relays.slice(0, 60).map(({ url }) => url))
  await Promise.all(relays.slice(0, 60).map((relay) => relay.stop()))
  const isReportedDown = (url: string) =>
    watched.reports.some(
      ({ relay, state, failures }) =>
        relay === watched.directory.entryOf(url).relay && state === 'waiting' && failures === 1,
    )
  await eventually(() => [...lost].every(isReportedDown))
  expect(watched.collector.stats()).toMatchObject({ ownOutages: 0, ownOutageSince: undefined, connected: 40 })
  const from = watched.reports.length
  clock.jumpSeconds(20)
  const away = (url: string) => {
    const { relay } = watched.directory.entryOf(url)
    const reports = watched.reports.slice(from).filter((report) => report.relay === relay)
    return reports.reduce((sum, report) => sum + report.watchedSeconds - report.connectedSeconds, 0)
  }
  await eventually(() => [...lost].every((url) => away(url) >= 15))
})

test('with fewer relays than say anything about our network, each is down by itself', async () => {
  const { forwarder, watched, urls } = await openBehindForwarder(4)
  forwarder.cut()
  await eventually(() => urls.every((url) => watched.stateOf(url) === 'waiting'))
  expect(watched.collector.relays().map(({ failures }) => failures)).toEqual([1, 1, 1, 1])
  expect(watched.collector.stats().ownOutages).toBe(0)
})
