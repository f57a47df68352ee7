import { afterEach, describe, expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { openBus } from '../../platform/bus/index.ts'
import { eventually, isRedisInstalled, startTestRedis } from '../../platform/bus/testing/index.ts'
import { busMembers } from './members.ts'
import { ownerOf } from './share.ts'
import {
  createJumpingClock,
  createMemoryDirectory,
  createPlainIntake,
  eventOfNewKey,
  type MisbehavingRelayOptions,
  openTestCollector,
  startMisbehavingRelay,
  type TestCollectorOptions,
} from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const nowSeconds = Math.floor(Date.now() / 1_000)

/** Events of the last hours, some of them in the same second. */
function pastEvents(count: number, perSecond = 1): readonly NostrEvent[] {
  return Array.from({ length: count }, (_, n) =>
    eventOfNewKey({ created_at: nowSeconds - 10 - Math.floor(n / perSecond) * 5, content: `${n}` }),
  )
}

async function startRelay(options: MisbehavingRelayOptions = {}) {
  const relay = await startMisbehavingRelay(options)
  stops.push(() => relay.stop())
  return relay
}

async function open(options: TestCollectorOptions) {
  const watched = await openTestCollector(options)
  stops.push(() => watched.stop())
  return watched
}

const idsOf = (events: readonly NostrEvent[]) => new Set(events.map(({ id }) => id))

describe('reading', () => {
  test('the past is read in pages of what the relay sends at once, nothing being lost inside a second', async () => {
    const events = pastEvents(300, 9)
    const relay = await startRelay({ events, cap: 10 })
    const watched = await open({ seeds: [relay.url] })
    await eventually(() => watched.stateOf(relay.url) === 'live')
    expect(watched.idsOf(relay.url)).toEqual(idsOf(events))
    const { since, until } = watched.statusOf(relay.url).cursor
    expect(since).toBeLessThanOrEqual(nowSeconds - 86_400 + 60)
    expect(until).toBeGreaterThanOrEqual(nowSeconds)
  })

  test('only as far back as wanted', async () => {
    const [near, far] = [
      eventOfNewKey({ created_at: nowSeconds - 100 }),
      eventOfNewKey({ created_at: nowSeconds - 900 }),
    ]
    const relay = await startRelay({ events: [near, far] })
    const some = await open({ seeds: [relay.url], settings: { backfillSeconds: 500 } })
    await eventually(() => some.stateOf(relay.url) === 'live')
    expect(some.idsOf(relay.url)).toEqual(new Set([near.id]))
    const all = await open({ seeds: [relay.url], settings: { backfillSeconds: 0 } })
    await eventually(() => all.stateOf(relay.url) === 'live')
    expect(all.idsOf(relay.url)).toEqual(new Set([near.id, far.id]))
    expect(all.statusOf(relay.url).cursor.since).toBe(0)
  })

  test('new events come as they are published', async () => {
    const relay = await startRelay()
    const watched = await open({ seeds: [relay.url] })
    await eventually(() => watched.stateOf(relay.url) === 'live')
    const event = eventOfNewKey({})
    relay.publish(event)
    await eventually(() => watched.idsOf(relay.url).has(event.id))
  })

  test('a collector that was killed goes on from its cursor, and what came meanwhile is not lost', async () => {
    const directory = createMemoryDirectory()
    const intake = await createPlainIntake()
    const before = pastEvents(50)
    const relay = await startRelay({ events: before, cap: 10 })
    const first = await open({ seeds: [relay.url], directory, intake })
    await eventually(() => directory.entryOf(relay.url).cursor.until !== undefined)
    await first.crash()
    const missed = pastEvents(25)
    for (const event of missed) relay.publish(event)
    const second = await open({ seeds: [], directory, intake })
    await eventually(() => second.stateOf(relay.url) === 'live')
    expect(second.idsOf(relay.url)).toEqual(idsOf([...before, ...missed]))
    // The one that stays open; pages of the first collector may still have been on their way.
    const resumed = relay.asked.filter(({ until }) => until === undefined).at(-1)
    expect(resumed?.since ?? 0).toBeGreaterThanOrEqual(nowSeconds - 600)
  })

  test('a kill in the middle of the past leaves a cursor that claims no more than was read', async () => {
    const directory = createMemoryDirectory()
    const events = pastEvents(400)
    const relay = await startRelay({ events, cap: 10, delayMs: 20 })
    const first = await open({ seeds: [relay.url], directory })
    await eventually(() => first.idsOf(relay.url).size > 60)
    await first.crash()
    const { since, until } = directory.entryOf(relay.url).cursor
    const claimed = events.filter(({ created_at: at }) => at >= (since ?? Infinity) && at <= (until ?? 0))
    expect(claimed.length).toBeGreaterThan(0)
    for (const { id } of claimed) expect(first.idsOf(relay.url)).toContain(id)
    const second = await open({ directory, intake: first.intake })
    await eventually(() => second.stateOf(relay.url) === 'live')
    expect(second.idsOf(relay.url)).toEqual(idsOf(events))
  })

  test('while the intake is full nothing is read, and nobody is blamed for it; then all of it comes', async () => {
    const relay = await startRelay()
    const watched = await open({ seeds: [relay.url] })
    await eventually(() => watched.stateOf(relay.url) === 'live')
    watched.intake.setFull(true)
    const events = Array.from({ length: 200 }, () => eventOfNewKey({ content: 'x'.repeat(1_000) }))
    for (const event of events) relay.publish(event)
    await eventually(() => watched.idsOf(relay.url).size > 0)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(watched.idsOf(relay.url).size).toBeLessThan(events.length)
    watched.intake.setFull(false)
    await eventually(() => watched.idsOf(relay.url).size === events.length)
    expect(watched.stateOf(relay.url)).toBe('live')
    expect(watched.offencesOf(relay.url)).toEqual({})
  })
})

describe('relays that limit what they serve', () => {
  test('one that closes wide subscriptions is read by groups of kinds', async () => {
    const events = pastEvents(20)
    const relay = await startRelay({
      events,
      refuse: ({ kinds }) => ((kinds?.length ?? 99) > 3 ? 'invalid: too broad' : undefined),
    })
    const watched = await open({ seeds: [relay.url] })
    await eventually(() => watched.stateOf(relay.url) === 'live')
    expect(watched.idsOf(relay.url)).toEqual(idsOf(events))
    expect(relay.asked.at(-1)?.kinds?.length).toBeLessThanOrEqual(3)
    const late = eventOfNewKey({ kind: 7 })
    relay.publish(late)
    await eventually(() => watched.idsOf(relay.url).has(late.id))
  })

  test('one that closes those too is read kind by kind', async () => {
    const events = pastEvents(20)
    const relay = await startRelay({
      events,
      refuse: ({ kinds }) => (kinds?.length === 1 ? undefined : 'error: one kind at a time'),
    })
    const watched = await open({ seeds: [relay.url] })
    await eventually(() => watched.stateOf(relay.url) === 'live')
    expect(watched.idsOf(relay.url)).toEqual(idsOf(events))
  })

  test('one that keeps no subscription open is polled', async () => {
    const events = pastEvents(20)
    const relay = await startRelay({ events, closesAfterStored: true })
    const watched = await open({ seeds: [relay.url] })
    await eventually(() => watched.stateOf(relay.url) === 'polling')
    const late = eventOfNewKey({})
    relay.publish(late)
    await eventually(() => watched.idsOf(relay.url).size === events.length + 1)
    expect(watched.offencesOf(relay.url)).toEqual({})
    expect(watched.statusOf(relay.url)).toMatchObject({ isProven: true, failures: 0 })
  })

  test('one that allows a single subscription is polled with one at a time', async () => {
    const events = pastEvents(20)
    let most = 0
    const relay = await startRelay({
      events,
      refuse: ({ kinds }, openOnes) => {
        most = Math.max(most, openOnes)
        if ((kinds?.length ?? 99) > 3) return 'invalid: too broad'
        return openOnes > 0 ? 'error: too many concurrent REQs' : undefined
      },
    })
    const watched = await open({ seeds: [relay.url] })
    await eventually(() => watched.stateOf(relay.url) === 'polling')
    await eventually(() => watched.idsOf(relay.url).size === events.length)
    expect(most).toBe(1)
  })

  test.each(['auth-required: who are you', 'restricted: members only'])(
    '%s: it is left for hours',
    async (text) => {
      const relay = await startRelay({ refuse: () => text })
      const watched = await open({ seeds: [relay.url] })
      await eventually(() => watched.stateOf(relay.url) === 'waiting')
      const { reason, nextTrySeconds, offences } = watched.statusOf(relay.url)
      expect(reason).toBe(text)
      expect(nextTrySeconds - nowSeconds).toBeGreaterThan(4 * 3_600)
      expect(offences).toEqual({})
      expect(relay.connections).toBe(1)
    },
  )

  test('one that says we are too fast is asked again later, and then read whole', async () => {
    const events = pastEvents(20)
    let refusals = 2
    const relay = await startRelay({
      events,
      refuse: () => (refusals-- > 0 ? 'rate-limited: slow down' : undefined),
    })
    const watched = await open({ seeds: [relay.url] })
    await eventually(() => watched.stateOf(relay.url) === 'live')
    expect(watched.idsOf(relay.url)).toEqual(idsOf(events))
    expect(relay.connections).toBe(1)
  })
})

describe('relays that come and go', () => {
  test('one that drops the connection is tried again after half a minute, and what it got meanwhile is read', async () => {
    const clock = createJumpingClock()
    const relay = await startRelay({ events: pastEvents(5) })
    const watched = await open({ seeds: [relay.url], clock })
    await eventually(() => watched.stateOf(relay.url) === 'live')
    relay.drop()
    await eventually(() => watched.stateOf(relay.url) === 'waiting')
    const missed = eventOfNewKey({})
    relay.publish(missed)
    clock.jumpSeconds(20)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(watched.stateOf(relay.url)).toBe('waiting')
    clock.jumpSeconds(11)
    await eventually(() => watched.stateOf(relay.url) === 'live')
    expect(watched.idsOf(relay.url)).toContain(missed.id)
    expect(relay.connections).toBe(2)
  })

  test('one that is not there waits longer each time', async () => {
    const clock = createJumpingClock()
    const relay = await startRelay()
    await relay.stop()
    const watched = await open({ seeds: [relay.url], clock })
    const waits: number[] = []
    for (let failures = 1; failures <= 4; failures++) {
      await eventually(() => watched.statusOf(relay.url).failures === failures)
      const wait = watched.statusOf(relay.url).nextTrySeconds - clock.nowSeconds()
      waits.push(Math.round(wait / 10) * 10)
      clock.jumpSeconds(wait + 1)
    }
    expect(waits).toEqual([30, 60, 120, 240])
    expect(watched.statusOf(relay.url)).toMatchObject({ isProven: false, reason: 'ECONNREFUSED' })
  })

  test('a candidate counts by its information or by an event, and one without both is left', async () => {
    const [informed, showing, empty] = await Promise.all([
      startRelay({ information: { name: 'informed', supported_nips: [1] } }),
      startRelay({ information: false, events: pastEvents(1) }),
      startRelay({ information: false }),
    ])
    const watched = await open({ seeds: [informed.url, showing.url, empty.url], limits: { proveMs: 1_000 } })
    await eventually(() => watched.statusOf(informed.url).isProven && watched.statusOf(showing.url).isProven)
    await eventually(() => watched.stateOf(empty.url) === 'waiting')
    expect(watched.statusOf(empty.url).isProven).toBe(false)
    await eventually(() => watched.reports.some(({ information }) => information?.name === 'informed'))
  })

  test('what is measured is reported: opening, answers, pings, time watched and connected', async () => {
    const relay = await startRelay({ events: pastEvents(3) })
    const watched = await open({ seeds: [relay.url] })
    await eventually(
      () => watched.reports.reduce((sum, { connectedSeconds }) => sum + connectedSeconds, 0) >= 2,
    )
    const all = (what: 'openMs' | 'readMs' | 'pingMs') => watched.reports.flatMap((report) => report[what])
    expect(all('openMs')).toHaveLength(1)
    expect(all('readMs').length).toBeGreaterThan(0)
    expect(all('pingMs').length).toBeGreaterThan(0)
    for (const { watchedSeconds, connectedSeconds } of watched.reports) {
      expect(connectedSeconds).toBeLessThanOrEqual(watchedSeconds)
    }
    expect(watched.collector.stats()).toMatchObject({ connected: 1, connecting: 0, waiting: 0 })
  })
})

describe('addresses', () => {
  test('what is private is not connected to, but our own relay and what has an alias are', async () => {
    const [own, aliased, hidden] = await Promise.all([startRelay(), startRelay(), startRelay()])
    const directory = createMemoryDirectory()
    // As left by a run that was allowed to.
    await directory.learn([hidden.url], 'seed')
    const watched = await open({
      directory,
      own: own.url,
      seeds: [hidden.url, 'wss://relay.example.org', 'wss://rebinding.example.org'],
      settings: { allowPrivate: false, aliases: new Map([['wss://relay.example.org', aliased.url]]) },
      resolve: async () => ['127.0.0.1'],
    })
    await eventually(() => watched.stateOf(own.url) === 'live' || watched.stateOf(own.url) === 'catching-up')
    await eventually(() => aliased.connections > 0)
    await eventually(() => watched.stateOf(hidden.url) === 'refused')
    expect(directory.origins.get(own.url)).toBe('own')
    expect(hidden.connections).toBe(0)
  })

  test('a name that leads to a private address is not connected to', async () => {
    const directory = createMemoryDirectory()
    const relay = await startRelay({ events: pastEvents(1) })
    const hidden = await startRelay()
    await directory.learn([hidden.url], 'seed')
    const watched = await open({
      directory,
      seeds: ['wss://alias.example.com', 'wss://rebinding.example.com'],
      settings: { allowPrivate: false, aliases: new Map([['wss://alias.example.com', relay.url]]) },
      resolve: async () => ['127.0.0.1'],
    })
    await eventually(() => watched.stateOf('wss://alias.example.com') === 'live')
    await eventually(() => watched.stateOf('wss://rebinding.example.com') === 'waiting')
    await eventually(() => watched.stateOf(hidden.url) === 'refused')
    expect(watched.statusOf('wss://rebinding.example.com').reason).toBe('its name leads to a private address')
    expect(watched.statusOf(hidden.url).reason).toBe('private-address')
    expect(hidden.connections).toBe(0)
  })
})

test('relays of relay lists are learnt, connected to and read', async () => {
  const second = await startRelay({ events: pastEvents(4) })
  const list = eventOfNewKey({
    kind: 10_002,
    tags: [
      ['r', `${second.url}/`, 'read'],
      ['r', 'nonsense'],
    ],
  })
  const first = await startRelay({ events: [list] })
  const watched = await open({ seeds: [first.url] })
  await eventually(() =>
    watched.collector.relays().some(({ url, state }) => url === second.url && state === 'live'),
  )
  expect(watched.directory.origins.get(second.url)).toBe('relay-list')
  expect(watched.idsOf(second.url).size).toBe(4)
})

test('a relay that another names in its information is learnt, connected to and read', async () => {
  const second = await startRelay({ events: pastEvents(4) })
  const first = await startRelay({ information: { name: 'first', relays: [`${second.url}/`, 'nonsense'] } })
  const watched = await open({ seeds: [first.url] })
  await eventually(() =>
    watched.collector.relays().some(({ url, state }) => url === second.url && state === 'live'),
  )
  expect(watched.directory.origins.get(second.url)).toBe('information')
  expect(watched.idsOf(second.url).size).toBe(4)
})

test('an address that the directory gave up is not tried any more, and takes no room', async () => {
  const [here, gone] = [await startRelay(), await startRelay()]
  await gone.stop()
  const watched = await open({ seeds: [here.url, gone.url] })
  await eventually(() => watched.statusOf(gone.url).failures === 1 && watched.stateOf(here.url) === 'live')
  watched.directory.giveUp(gone.url)
  watched.directory.giveUp(here.url)
  watched.collector.look()
  await eventually(() => watched.collector.stats().known === 1)
  // What has proved itself meanwhile is not given up, whatever the directory says.
  expect(watched.stateOf(here.url)).toBe('live')
})

test('where there are more relays than connections, each has its turn, and none is down for want of one', async () => {
  const clock = createJumpingClock()
  const relays = await Promise.all(Array.from({ length: 8 }, () => startRelay({ events: pastEvents(1) })))
  const watched = await open({
    seeds: relays.map(({ url }) => url),
    settings: { maxConnections: 3 },
    limits: { turnMs: 100 },
    clock,
  })
  await eventually(() => watched.collector.relays().every(({ isProven }) => isProven))
  // Whoever has a connection now has had its turn when it loses it.
  const before = relays.map(({ connections, openConnections }) => connections - openConnections)
  const from = watched.reports.length
  // Those that had their turn as candidates may have another one now.
  clock.jumpSeconds(601)
  await eventually(() => relays.every(({ connections }, n) => connections > before[n]!))
  const reports = watched.reports.slice(from)
  for (const report of reports) {
    expect(report.state).not.toBe('waiting')
    expect(report).toMatchObject({ failures: 0, connectedSeconds: report.watchedSeconds })
  }
  // They give their connection up, and say so.
  expect(reports.filter(({ state }) => state === 'candidate').length).toBeGreaterThan(0)
})

test('no more connections than allowed, and proven relays keep theirs', async () => {
  const relays = await Promise.all(Array.from({ length: 6 }, () => startRelay({ events: pastEvents(1) })))
  const watched = await open({ seeds: relays.map(({ url }) => url), settings: { maxConnections: 3 } })
  await eventually(() => watched.collector.relays().filter(({ isProven }) => isProven).length === 6)
  await eventually(() => {
    const { connected, connecting } = watched.collector.stats()
    return connected === 3 && connecting === 0
  })
  await eventually(() => relays.reduce((sum, { openConnections }) => sum + openConnections, 0) === 3)
})

describe.skipIf(!isRedisInstalled)('two collectors over Redis', () => {
  test('share the relays, and the one that is left takes over all of them without losing an event', async () => {
    const redis = await startTestRedis()
    stops.push(() => redis.dispose())
    const directory = createMemoryDirectory()
    const relays = await Promise.all(Array.from({ length: 8 }, () => startRelay({ events: pastEvents(10) })))
    const join = async (name: string) => {
      const bus = await openBus({ url: redis.url, prefix: 'stoa:', name })
      stops.push(() => bus.close())
      const members = await busMembers(bus, name, { ttlMs: 900 })
      const watched = await open({ directory, members, seeds: relays.map(({ url }) => url) })
      return { bus, members, watched }
    }
    const a = await join('a')
    const b = await join('b')
    stops.push(() => a.members.stop())
    const share = (name: string) =>
      relays.filter(({ url }) => ownerOf(url, ['a', 'b']) === name).map(({ url }) => url)
    const isLiveAt = ({ watched }: typeof a, urls: readonly string[]) => {
      const read = watched.collector.relays()
      return (
        read.length === urls.length &&
        urls.every((url) => read.find((relay) => relay.url === url)?.state === 'live')
      )
    }
    await eventually(() => isLiveAt(a, share('a')) && isLiveAt(b, share('b')))
    await eventually(() => relays.every(({ openConnections }) => openConnections === 1))
    // It dies: no report, no goodbye, and no sign of life any more.
    await b.watched.crash()
    await b.bus.close()
    const missed = relays.map((relay) => {
      const event = eventOfNewKey({})
      relay.publish(event)
      return event
    })
    await eventually(() =>
      isLiveAt(
        a,
        relays.map(({ url }) => url),
      ),
    )
    await eventually(() => missed.every(({ id }) => a.watched.intake.distinct.has(id)))
    for (const url of share('b')) {
      expect(new Set([...a.watched.idsOf(url), ...b.watched.idsOf(url)]).size).toBe(11)
    }
    await b.members.stop()
  })
})
