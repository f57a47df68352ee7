import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../events/memory/index.ts'
import { createManualClock } from '../../kernel/index.ts'
import { authorSigner, startTestRelay } from '../../mirrors/testing/index.ts'
import {
  finalizeEvent,
  type NostrEvent,
  parseMonitorAnnouncement,
  parseRelayDiscovery,
  type UnsignedTemplate,
} from '../../nostr/index.ts'
import { eventually } from '../../platform/bus/testing/index.ts'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import {
  createRelayProbe,
  type Monitor,
  type MonitorDeps,
  type MonitoredRelay,
  openMonitor,
  type RelayProbe,
  type RelayTimes,
} from './index.ts'
import { MAX_MONITORS_OF_RELAY } from './relay-monitors-table.ts'
import { connectPlainly } from './testing/connect-plainly.ts'
import { INFORMATION, monitoredRelay } from './testing/monitored-relay.ts'

const NOW = 1_800_000_000
const OWN_KEY = 'e'.repeat(64)
const key = (number: number) => number.toString(16).padStart(64, '0')

let database: Database
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database.close())
const opened: Monitor[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((monitor) => monitor.stop()))
  await database.db.deleteFrom('relay_monitors').execute()
})

interface TestMonitor {
  relays?: readonly MonitoredRelay[]
  settings?: Partial<MonitorDeps['settings']>
  publish?: MonitorDeps['publish']
  probe?: RelayProbe
  publishes?: () => boolean
}

function testMonitor({ relays = [monitoredRelay()], settings, publish, ...more }: TestMonitor = {}) {
  const clock = createManualClock(NOW * 1000)
  const published: UnsignedTemplate[] = []
  const now = { relays }
  const monitor = openMonitor({
    reports: () => now.relays,
    publish: publish ?? (async (template) => void published.push(template)),
    clock,
    settings: { frequencySeconds: 600, maxPerMinute: 600, ...settings },
    db: database.db,
    pubkey: OWN_KEY,
    ...more,
  })
  opened.push(monitor)
  const discoveries = () => published.filter(({ kind }) => kind === 30166)
  const run = async (seconds: number, step = 1) => {
    for (let passed = 0; passed < seconds; passed += step) {
      clock.advanceSeconds(step)
      await monitor.tick()
    }
  }
  return { monitor, clock, published, discoveries, run, now }
}

function event(author: string, tags: readonly (readonly string[])[], created_at = NOW - 60): NostrEvent {
  return { id: '0'.repeat(64), pubkey: author, created_at, kind: 30166, tags, content: '', sig: '' }
}
const some = (...tags: readonly string[][]) => [['d', 'wss://some.example.com/'], ...tags]

describe('publishing', () => {
  test('the announcement goes out once, and says how often and what is checked', async () => {
    const { monitor, published, run } = testMonitor({
      relays: [],
      settings: { timeoutsMs: new Map([['nip11', 5000]]), geohash: 'u33d' },
    })
    await monitor.tick()
    await run(30)
    expect(published.map(({ kind }) => kind)).toEqual([10166])
    expect(parseMonitorAnnouncement(published[0]!)).toEqual({
      ok: true,
      value: {
        frequencySeconds: 600,
        timeoutsMs: new Map([['nip11', 5000]]),
        checks: ['read', 'nip11'],
        geohashes: ['u33d'],
      },
    })
  })

  test('a relay is published once in an interval, with what was measured and what it says of itself', async () => {
    const { discoveries, run } = testMonitor()
    await run(1_200, 5)
    expect(discoveries()).toHaveLength(2)
    const [discovery] = discoveries()
    expect(parseRelayDiscovery(discovery!)).toMatchObject({
      ok: true,
      value: {
        url: 'wss://some.example.com/',
        network: 'clearnet',
        nips: [1, 11],
        countries: ['DE'],
        languages: ['de'],
        rttOpenMs: undefined,
        rttReadMs: 40,
        rttWriteMs: undefined,
        requirements: new Map(Object.entries({ auth: false, payment: false, pow: false, writes: false })),
      },
    })
    expect(JSON.parse(discovery!.content)).toMatchObject({ name: 'Some relay', supported_nips: [1, 11] })
  })

  test('a relay that is not proven, or down, is not published; one that comes back is, without waiting for its moment', async () => {
    const down = monitoredRelay({ state: 'waiting' })
    const { discoveries, run, now } = testMonitor({
      relays: [down, monitoredRelay({ url: 'wss://new.example.com', isProven: false })],
    })
    await run(700, 5)
    expect(discoveries()).toEqual([])
    now.relays = [monitoredRelay()]
    await run(2)
    expect(discoveries()).toHaveLength(1)
  })

  test('no more go out in a minute than the settings allow, and those that had to wait follow', async () => {
    const relays = Array.from({ length: 100 }, (_, n) => monitoredRelay({ url: `wss://r${n}.example.com` }))
    const { monitor, clock, discoveries, run } = testMonitor({ relays, settings: { maxPerMinute: 12 } })
    await monitor.tick()
    // Asleep for an interval, all of them are due at once.
    clock.advanceSeconds(600)
    await run(60)
    expect(discoveries().length).toBeGreaterThanOrEqual(11)
    expect(discoveries().length).toBeLessThanOrEqual(13)
    await run(9 * 60)
    expect(new Set(discoveries().map(({ tags }) => tags[0]?.[1])).size).toBeGreaterThanOrEqual(100)
  })

  test('what could not be published is tried again, half a minute later', async () => {
    let isBroken = true
    const sent: UnsignedTemplate[] = []
    const { monitor, run } = testMonitor({
      publish: async (template) => {
        if (isBroken) throw new Error('no signer')
        sent.push(template)
      },
    })
    await monitor.tick()
    expect(monitor.counters().failedToPublish).toBe(1)
    isBroken = false
    await run(29)
    expect(sent).toEqual([])
    await run(2)
    expect(sent.map(({ kind }) => kind)).toEqual([10166])
  })
})

describe('with a probe', () => {
  /** Answers as a test says, and remembers what it was asked. */
  function scripted(answer: (url: string, signal: AbortSignal) => RelayTimes | Promise<RelayTimes>) {
    const asked: [url: string, writes: boolean][] = []
    const probe: RelayProbe = {
      timeoutMs: 7_000,
      maxAtOnce: 2,
      measure: async (url, { writes }, signal) => {
        asked.push([url, writes])
        return answer(url, signal)
      },
    }
    return { probe, asked }
  }
  const timesOf = ({ tags }: UnsignedTemplate) =>
    Object.fromEntries(tags.filter(([name]) => name?.startsWith('rtt-')))
  const urls = (count: number) =>
    Array.from({ length: count }, (_, n) => monitoredRelay({ url: `wss://r${n}.example.com` }))

  test('all three times are published of what it measured, and how long it waits', async () => {
    const { probe } = scripted(() => ({ openMs: 91.4, readMs: 21.6, writeMs: 33 }))
    const { discoveries, published, run } = testMonitor({ probe })
    await run(600, 5)
    expect(discoveries().map(timesOf)).toEqual([{ 'rtt-open': '91', 'rtt-read': '22', 'rtt-write': '33' }])
    expect(parseMonitorAnnouncement(published[0]!)).toMatchObject({
      value: {
        timeoutsMs: new Map(Object.entries({ open: 7_000, read: 7_000, write: 7_000 })),
        checks: ['open', 'read', 'write', 'nip11'],
      },
    })
  })

  test('one that never writes is not announced to do so', async () => {
    const { probe } = scripted(() => ({ openMs: 1 }))
    const { published, run } = testMonitor({ probe: { ...probe, writes: false } })
    await run(5, 5)
    expect(parseMonitorAnnouncement(published[0]!)).toMatchObject({
      value: {
        timeoutsMs: new Map(Object.entries({ open: 7_000, read: 7_000 })),
        checks: ['open', 'read', 'nip11'],
      },
    })
  })

  test('where it fails, what the collector knows is published alone', async () => {
    const { probe } = scripted(() => ({}))
    const { discoveries, run } = testMonitor({ probe })
    await run(600, 5)
    expect(discoveries().map(timesOf)).toEqual([{ 'rtt-read': '40' }])
  })

  test('only relays where anybody may write are written to', async () => {
    const needs = (what: Partial<typeof INFORMATION>) => ({ ...INFORMATION, ...what })
    const relays = [
      monitoredRelay({ url: 'wss://open.example.com' }),
      monitoredRelay({ url: 'wss://paid.example.com', information: needs({ needsPayment: true }) }),
      monitoredRelay({ url: 'wss://known.example.com', information: needs({ needsAuth: true }) }),
      monitoredRelay({ url: 'wss://work.example.com', information: needs({ needsWork: true }) }),
      monitoredRelay({ url: 'wss://closed.example.com', information: needs({ restrictsWrites: true }) }),
      monitoredRelay({ url: 'wss://silent.example.com', information: undefined }),
    ]
    const { probe, asked } = scripted(() => ({ openMs: 1 }))
    const { run } = testMonitor({ relays, probe })
    await run(600, 5)
    expect(asked).toHaveLength(relays.length)
    expect(asked.filter(([, writes]) => writes)).toEqual([['wss://open.example.com', true]])
  })

  test('one that takes long holds nobody up, and is not asked a second time meanwhile', async () => {
    const { promise: forever, resolve: endAtLast } = Promise.withResolvers<RelayTimes>()
    const { probe, asked } = scripted((url) => (url === 'wss://r0.example.com' ? forever : { openMs: 5 }))
    const { discoveries, run } = testMonitor({ relays: urls(5), probe })
    await run(1_800, 5)
    expect(asked.filter(([url]) => url === 'wss://r0.example.com')).toHaveLength(1)
    const shown = discoveries().map(({ tags }) => tags[0]?.[1])
    expect(new Set(shown)).toEqual(new Set([1, 2, 3, 4].map((n) => `wss://r${n}.example.com/`)))
    endAtLast({ openMs: 5 })
  })

  test('no more are measured at a time than it takes', async () => {
    const waiting: (() => void)[] = []
    const { probe, asked } = scripted(
      () => new Promise((resolve) => waiting.push(() => resolve({ openMs: 5 }))),
    )
    const { run } = testMonitor({ relays: urls(10), probe })
    await run(700, 5)
    expect(asked).toHaveLength(2)
    for (const end of waiting.splice(0)) end()
    await run(10, 5)
    expect(asked).toHaveLength(4)
    for (const end of waiting) end()
  })

  test('what it measured last is compared with what others say, and forgotten when it fails', async () => {
    let times: RelayTimes = { openMs: 100, writeMs: 60 }
    const { probe } = scripted(() => times)
    const { monitor, run } = testMonitor({ probe })
    await run(600, 5)
    await monitor.note(event(key(1), some(['rtt-open', '900'], ['rtt-write', '900'], ['rtt-read', '900'])))
    const said = async () => (await monitor.monitorsOf('wss://some.example.com'))[0]?.disagreements
    expect(await said()).toEqual([
      'It measured 900 ms to open a connection, we 100 ms.',
      'It measured 900 ms to answer a question, we 40 ms.',
      'It measured 900 ms to take an event, we 60 ms.',
    ])
    times = {}
    await run(600, 5)
    expect(await said()).toEqual(['It measured 900 ms to answer a question, we 40 ms.'])
  })

  test('a monitor that stops ends what is being measured, and publishes it no more', async () => {
    const { probe } = scripted(
      (_url, signal) =>
        new Promise((resolve) => signal.addEventListener('abort', () => resolve({ openMs: 5 }))),
    )
    const { monitor, discoveries, run } = testMonitor({ probe })
    await run(600, 5)
    await monitor.stop()
    expect(discoveries()).toEqual([])
  })

  test('a signer that fails is tried again, as if there were no probe', async () => {
    const { probe } = scripted(() => {
      throw new Error('no signer')
    })
    const { monitor, discoveries, run } = testMonitor({ probe })
    await run(600, 5)
    expect(discoveries()).toEqual([])
    expect(monitor.counters().failedToPublish).toBeGreaterThan(0)
  })

  test('of our own relay all three are published, as they are', async () => {
    const relay = await startTestRelay(createMemoryStore())
    const probe = createRelayProbe({
      connect: connectPlainly,
      sign: (template) => finalizeEvent(template, authorSigner),
    })
    const { discoveries, run } = testMonitor({ relays: [monitoredRelay({ url: relay.url })], probe })
    await run(600, 5)
    await eventually(() => discoveries().length === 1)
    await relay.stop()
    expect(timesOf(discoveries()[0]!)).toEqual({
      'rtt-open': expect.stringMatching(/^\d+$/),
      'rtt-read': expect.stringMatching(/^\d+$/),
      'rtt-write': expect.stringMatching(/^\d+$/),
    })
  })
})

describe('a process that is not to publish', () => {
  test('says nothing, and takes in what others say of relays that it comes to know', async () => {
    const { monitor, published, run, now } = testMonitor({ relays: [], publishes: () => false })
    now.relays = [monitoredRelay()]
    await run(700, 5)
    await monitor.note(event(key(1), some(['rtt-read', '900'])))
    expect(await monitor.monitorsOf('wss://some.example.com')).toMatchObject([
      { disagreements: ['It measured 900 ms to answer a question, we 40 ms.'] },
    ])
    expect(published).toEqual([])
  })

  test('begins as after a start when it is its turn, and ends when it is not', async () => {
    let isTurn = false
    const { published, discoveries, run } = testMonitor({ publishes: () => isTurn })
    await run(1_000, 5)
    isTurn = true
    await run(5, 5)
    // Overdue for it, but not for those who listen.
    expect(published.map(({ kind }) => kind)).toEqual([10166])
    await run(600, 5)
    expect(discoveries()).toHaveLength(1)
    isTurn = false
    await run(1_200, 5)
    expect(discoveries()).toHaveLength(1)
  })
})

describe('other monitors', () => {
  test('the newest of each is kept, shown newest first, with where it differs', async () => {
    const { monitor } = testMonitor()
    await monitor.note(
      event(
        key(1),
        some(['rtt-open', '900'], ['rtt-read', '900'], ['R', 'auth'], ['R', 'x\u0000y']),
        NOW - 100,
      ),
    )
    await monitor.note(event(key(1), some(['rtt-open', '100']), NOW - 500))
    await monitor.note(
      event(key(2), some(['rtt-open', '130'], ['rtt-read', '50'], ['rtt-write', '60']), NOW - 50),
    )
    const expected = [
      {
        monitor: key(2),
        at: new Date((NOW - 50) * 1000).toISOString(),
        rtt_open: 130,
        rtt_read: 50,
        rtt_write: 60,
        disagreements: [],
      },
      {
        monitor: key(1),
        at: new Date((NOW - 100) * 1000).toISOString(),
        rtt_open: 900,
        rtt_read: 900,
        rtt_write: null,
        disagreements: [
          'It measured 900 ms to answer a question, we 40 ms.',
          'It says that the relay requires authentication; the relay tells us that it does not.',
        ],
      },
    ]
    expect(await monitor.monitorsOf('wss://SOME.example.com')).toEqual(expected)
    await monitor.note(event(key(1), some(['rtt-open', '1']), NOW - 400))
    expect(await monitor.monitorsOf('wss://some.example.com/')).toEqual(expected)
    // A new start reads the same from the database.
    expect(await testMonitor().monitor.monitorsOf('ws://some.example.com')).toEqual(expected)
  })

  test('our own events, those of other kinds, of other times and of relays that nobody knows are passed over', async () => {
    const { monitor } = testMonitor()
    await monitor.note(event(OWN_KEY, some()))
    await monitor.note({ ...event(key(1), some()), kind: 1 })
    await monitor.note(event(key(1), some(), NOW + 3600))
    await monitor.note(event(key(1), some(), NOW - 40 * 86_400))
    await monitor.note(event(key(1), [['d', 'wss://unknown.example.com/']]))
    await monitor.note(event(key(1), [['d', 'f'.repeat(64)]]))
    expect(await monitor.monitorsOf('wss://some.example.com')).toEqual([])
    expect(monitor.counters()).toMatchObject({ noted: 0, passedOver: 6 })
  })

  test('a crowd of new keys does not push out the monitors that were there', async () => {
    const { monitor } = testMonitor()
    await monitor.note(event(key(1), some(), NOW - 1000))
    expect(await monitor.monitorsOf('wss://some.example.com')).toHaveLength(1)
    for (let number = 2; number <= 60; number++) await monitor.note(event(key(number), some(), NOW - 10))
    const monitors = await monitor.monitorsOf('wss://some.example.com')
    expect(monitors).toHaveLength(MAX_MONITORS_OF_RELAY)
    expect(monitors.at(-1)?.monitor).toBe(key(1))
    expect(monitor.counters().withoutRoom).toBe(60 - MAX_MONITORS_OF_RELAY)
    await monitor.note(event(key(1), some(['rtt-open', '5']), NOW - 5))
    expect((await monitor.monitorsOf('wss://some.example.com'))[0]).toMatchObject({
      monitor: key(1),
      rtt_open: 5,
    })
  })

  test('what is a month old is forgotten, and a relay that nobody measured is shown without disagreements', async () => {
    const { monitor, clock, now } = testMonitor()
    await monitor.note(event(key(1), some(['rtt-read', '900'])))
    expect(await monitor.monitorsOf('wss://some.example.com')).toMatchObject([
      { disagreements: [expect.stringContaining('900 ms')] },
    ])
    now.relays = []
    await monitor.tick()
    expect(await monitor.monitorsOf('wss://some.example.com')).toMatchObject([{ disagreements: [] }])
    clock.advanceSeconds(31 * 86_400)
    await monitor.tick()
    expect(await monitor.monitorsOf('wss://some.example.com')).toEqual([])
  })

  test('notes are written some seconds after they came, without anybody asking', async () => {
    const { monitor, run } = testMonitor()
    await monitor.note(event(key(1), some()))
    await run(8)
    expect(await database.db.selectFrom('relay_monitors').selectAll().execute()).toHaveLength(1)
  })

  const sample = resolve(import.meta.dirname, '../../../../shared/data/relays/qntx_nip66_templates.json')
  const isPresent = existsSync(sample)
  if (!isPresent) console.warn('skipped: ../shared/data/relays/qntx_nip66_templates.json is missing')

  test.skipIf(!isPresent)(
    'what a real monitor has published of a hundred relays is kept, each with its time',
    async () => {
      const templates = JSON.parse(readFileSync(sample, 'utf8')) as readonly UnsignedTemplate[]
      const urls = templates.map(({ tags }) => tags.find(([name]) => name === 'd')![1]!)
      const { monitor } = testMonitor({
        relays: urls.map((url) => monitoredRelay({ url })),
      })
      for (const { tags, content } of templates) await monitor.note({ ...event(key(7), tags), content })
      for (const [index, url] of urls.entries()) {
        const expected = templates[index]!.tags.find(([name]) => name === 'rtt-open')?.[1]
        const [shown] = await monitor.monitorsOf(url)
        expect(shown).toMatchObject({
          monitor: key(7),
          rtt_open: expected === undefined ? null : Number(expected),
        })
      }
    },
  )
})
