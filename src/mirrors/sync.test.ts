import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { defaultConfig } from '../config/index.ts'
import type { EventStore } from '../events/index.ts'
import { type LogStore, openLogStore } from '../events/log/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { systemClock } from '../kernel/index.ts'
import { KINDS, type NostrEvent } from '../nostr/index.ts'
import { createIntake } from './intake.ts'
import { RecentIds } from './recent-ids.ts'
import { type SyncWithOptions, syncWith } from './sync.ts'
import {
  allIds,
  answerTo,
  authorSigner,
  type FakeRelay,
  fillStore,
  signedEvent,
  startFakeRelay,
  startTestRelay,
  type TestRelay,
  unsignedEvent,
} from './testing/index.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

type Settings = Parameters<typeof startTestRelay>[1]

async function relayWith(
  events: readonly NostrEvent[],
  settings: Settings = {},
  store: EventStore = createMemoryStore(),
): Promise<TestRelay> {
  await fillStore(store, events)
  const relay = await startTestRelay(store, settings)
  cleanUps.push(() => relay.stop())
  return relay
}

async function logStore(): Promise<LogStore> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-sync-'))
  const store = await openLogStore({ folder })
  cleanUps.push(
    () => rmSync(folder, { recursive: true }),
    () => store.close(),
  )
  return store
}

async function fake(answer: Parameters<typeof startFakeRelay>[0]): Promise<FakeRelay> {
  const relay = await startFakeRelay(answer)
  cleanUps.push(() => relay.stop())
  return relay
}

/** Synchronises `ours` with the relay at a URL, everything down unless told otherwise. */
function sync(ours: TestRelay, url: string, options: Partial<SyncWithOptions> = {}) {
  const { store, intake } = ours
  return syncWith({ url, filter: {}, direction: 'down', store, intake, origin: 'sync', ...options })
}

const notes = (count: number, content: string, firstSeconds = 1_700_000_000) =>
  Array.from({ length: count }, (_, n) =>
    signedEvent({ content: `${content} ${n}`, created_at: firstSeconds + n }),
  )

test('two relays with 20,000 events of which 1 % differ converge, and nothing else is sent', async () => {
  const shared = Array.from({ length: 19_800 }, (_, n) =>
    unsignedEvent({ content: `shared ${n}`, created_at: 1_700_000_000 + Math.floor(n / 3) }),
  )
  const [mine, theirs] = [notes(100, 'mine', 1_700_001_000), notes(100, 'theirs', 1_700_003_000)]
  const ours = await relayWith([...shared, ...mine], {}, await logStore())
  const peer = await relayWith([...shared, ...theirs], {}, await logStore())

  const totals = await sync(ours, peer.url, { direction: 'both' })

  expect(totals).toMatchObject({
    method: 'negentropy',
    need: 100,
    have: 100,
    fetched: 100,
    stored: 100,
    uploaded: 100,
  })
  const union = [...shared, ...mine, ...theirs].map(({ id }) => id).sort()
  expect(await allIds(ours.store)).toEqual(union)
  expect(await allIds(peer.store)).toEqual(union)
  const again = await sync(ours, peer.url, { direction: 'both' })
  expect(again).toMatchObject({ need: 0, have: 0, fetched: 0, uploaded: 0 })
})

test('an event that is refused for good is not fetched again, and one that is refused for now is', async () => {
  const ours = await relayWith([])
  const [old, early, wanted] = notes(3, 'theirs')
  const peer = await relayWith([old!, early!, wanted!])
  const { store } = ours
  const intake = createIntake({
    store,
    clock: systemClock,
    verifyBatch: (events) => events.map(() => true),
    policies: {
      judgeEarly: ({ id }) => {
        if (id === old?.id) return { do: 'refuse', text: 'blocked: too old', isForGood: true }
        return id === early?.id ? { do: 'refuse', text: 'blocked: not today' } : undefined
      },
      judgeLate: () => undefined,
    },
    self: '',
    relayUrls: [],
  })
  const unwanted = new RecentIds(100)
  expect(await sync(ours, peer.url, { intake, unwanted })).toMatchObject({ need: 3, stored: 1, refused: 2 })
  expect(await sync(ours, peer.url, { intake, unwanted })).toMatchObject({ need: 1, fetched: 1, refused: 1 })
  expect(await allIds(store)).toEqual([wanted?.id])
})

test('what is asked for one way goes one way, and only what the filter means', async () => {
  const ours = await relayWith(notes(5, 'mine'))
  const theirs = [...notes(5, 'theirs'), signedEvent({ kind: 7, content: '+' })]
  const peer = await relayWith(theirs)
  expect(await sync(ours, peer.url, { filter: { kinds: [7] } })).toMatchObject({ stored: 1, uploaded: 0 })
  expect(await sync(ours, peer.url, { direction: 'up', filter: { until: 1_700_000_001 } })).toMatchObject({
    fetched: 0,
    uploaded: 2,
  })
  expect(peer.store.stats().events).toBe(8)
})

test('a peer that dies in the middle leaves what has come, and a second time brings the rest', async () => {
  const ours = await relayWith([])
  const theirs = notes(1_200, 'theirs')
  const store = createMemoryStore()
  const peer = await relayWith(theirs, {}, store)
  let stopping: Promise<void> | undefined
  const broken = sync(ours, peer.url, {
    onProgress: ({ stored }) => {
      if (stored > 0) stopping ??= peer.stop()
    },
  })
  await expect(broken).rejects.toMatchObject({ code: 'PEER_FAILED' })
  await stopping
  const reached = ours.store.stats().events
  expect(reached).toBeGreaterThan(0)
  expect(reached).toBeLessThan(1_200)

  const revived = await relayWith([], {}, store)
  const totals = await sync(ours, revived.url)
  expect(totals.need).toBe(1_200 - reached)
  expect(await allIds(ours.store)).toEqual(await allIds(store))
})

test('a relay that compares only a few events at once is asked in parts', async () => {
  const events = notes(900, 'theirs')
  const negentropy = { ...defaultConfig().relay.negentropy, maxRecords: 100 }
  const ours = await relayWith(events.slice(0, 300))
  const peer = await relayWith(events, { negentropy })
  const totals = await sync(ours, peer.url)
  expect(totals).toMatchObject({ method: 'negentropy', stored: 600, uncertainSeconds: 0 })
  expect(await allIds(ours.store)).toEqual(await allIds(peer.store))
})

test('more events in one second than a relay compares at once are fetched by REQ', async () => {
  const crowd = Array.from({ length: 250 }, (_, n) => signedEvent({ content: `crowd ${n}` }))
  const negentropy = { ...defaultConfig().relay.negentropy, maxRecords: 100 }
  const ours = await relayWith([])
  const peer = await relayWith(crowd, { negentropy })
  await sync(ours, peer.url)
  expect(ours.store.stats().events).toBe(250)
})

test('a relay without NIP-77 is read page by page, and nothing is lost inside a second', async () => {
  const events = [
    ...notes(70, 'before', 1_699_990_000),
    ...Array.from({ length: 90 }, (_, n) => signedEvent({ content: `same second ${n}` })),
    ...notes(150, 'after', 1_700_000_001),
  ]
  const peer = await fake((message, say) => {
    if (message[0] === 'NEG-OPEN') say('NOTICE', 'unknown verb')
    if (message[0] === 'REQ') {
      for (const event of answerTo(message, events, 100)) say('EVENT', message[1], event)
      say('EOSE', message[1])
    }
    if (message[0] === 'EVENT') say('OK', (message[1] as NostrEvent).id, true, 'duplicate: known')
  })
  const ours = await relayWith([])
  const totals = await sync(ours, peer.url)
  expect(totals).toMatchObject({ method: 'pages', stored: 310, bad: 0, uncertainSeconds: 0 })
  expect(await sync(ours, peer.url, { direction: 'up' })).toMatchObject({ uploaded: 310 })
})

test('a second that a relay cannot send whole is told of, and what lies before it still comes', async () => {
  const crowd = Array.from({ length: 130 }, (_, n) => signedEvent({ content: `crowd ${n}` }))
  const events = [...crowd, ...notes(30, 'before', 1_699_990_000)]
  const peer = await fake((message, say) => {
    if (message[0] === 'NEG-OPEN') say('NEG-ERR', message[1], 'error: not today')
    if (message[0] !== 'REQ') return
    for (const event of answerTo(message, events, 100)) say('EVENT', message[1], event)
    say('EOSE', message[1])
  })
  const ours = await relayWith([])
  expect(await sync(ours, peer.url)).toMatchObject({ stored: 130, uncertainSeconds: 1 })
})

test('a relay that sends forged events, others than asked for, or rubbish gets none of them in', async () => {
  const good = signedEvent({ content: 'good' })
  const unasked = signedEvent({ kind: 7 })
  const forged = { ...signedEvent({ content: 'a' }), sig: signedEvent({ content: 'b' }).sig }
  const renamed = { ...signedEvent({ content: 'c' }), content: 'd' }
  const peer = await fake((message, say) => {
    if (message[0] === 'NEG-OPEN') say('NOTICE', 'no')
    if (message[0] !== 'REQ') return
    for (const event of [unasked, forged, renamed, 'rubbish', null, { id: 1 }, good, good]) {
      say('EVENT', message[1], event)
    }
    say('EOSE', message[1], ['finish'])
    say('OK')
    say('EVENT', 'nobody asked', good)
  })
  const ours = await relayWith([])
  const totals = await sync(ours, peer.url, { filter: { kinds: [1] } })
  expect(totals).toMatchObject({ stored: 1, bad: 7 })
  expect(await allIds(ours.store)).toEqual([good.id])
})

test('a relay that announces what it does not have is found out', async () => {
  const peer = await fake((message, say) => {
    // Two ids up to infinity, which no event has.
    if (message[0] === 'NEG-OPEN')
      say('NEG-MSG', message[1], `61000002${'02'}${'ab'.repeat(32)}${'cd'.repeat(32)}`)
    if (message[0] === 'REQ') say('EOSE', message[1])
  })
  const ours = await relayWith([])
  expect(await sync(ours, peer.url)).toMatchObject({ need: 2, fetched: 0, missing: 2 })
})

test('a relay that sends events without end is left', async () => {
  let n = 0
  const peer = await fake((message, say, socket) => {
    if (message[0] === 'NEG-OPEN') say('NOTICE', 'no')
    if (message[0] !== 'REQ') return
    const flood = () => {
      if (socket.readyState !== socket.OPEN) return
      for (let count = 0; count < 200; count += 1) {
        n += 1
        say('EVENT', message[1], unsignedEvent({ content: `${n}` }))
      }
      setImmediate(flood)
    }
    flood()
  })
  const ours = await relayWith([])
  await expect(sync(ours, peer.url)).rejects.toMatchObject({ code: 'PEER_FAILED' })
  expect(ours.store.stats().events).toBe(0)
})

test('a relay that never comes to an end is waited for so long and no longer', async () => {
  const peer = await fake((message, say) => {
    if (message[0] === 'REQ') say('EVENT', message[1], signedEvent({ content: 'the only one' }))
  })
  const ours = await relayWith([])
  const limits = { answerTimeoutMs: 200 }
  await expect(sync(ours, peer.url, { limits })).rejects.toThrow('did not answer a REQ for 200 ms')
  // The relay did not answer NEG-OPEN either, which is how many say that they do not know it.
  expect(peer.heard).toEqual([
    'NEG-OPEN',
    'NEG-CLOSE',
    'REQ',
    ...(peer.heard.includes('CLOSE') ? ['CLOSE'] : []),
  ])
  expect(ours.store.stats().events).toBe(1)
})

test('a slow relay is not given up as long as something comes', async () => {
  const events = notes(12, 'slow')
  const peer = await fake((message, say) => {
    if (message[0] === 'NEG-OPEN') say('NOTICE', 'no')
    if (message[0] !== 'REQ') return
    const answers = [...answerTo(message, events, 100)]
    const drip = () => {
      const next = answers.shift()
      if (next === undefined) return say('EOSE', message[1], ['finish'])
      say('EVENT', message[1], next)
      setTimeout(drip, 60)
    }
    drip()
  })
  const ours = await relayWith([])
  // All twelve together take longer than the patience for one.
  expect(await sync(ours, peer.url, { limits: { answerTimeoutMs: 500 } })).toMatchObject({ stored: 12 })
})

test('a relay that asks us to slow down is sent the same event again', async () => {
  let tries = 0
  const peer = await fake((message, say) => {
    if (message[0] === 'NEG-OPEN') say('NOTICE', 'no')
    if (message[0] !== 'EVENT') return
    tries += 1
    say('OK', (message[1] as NostrEvent).id, tries > 1, tries > 1 ? '' : 'rate-limited: slow down')
  })
  const ours = await relayWith(notes(1, 'mine'))
  expect(await sync(ours, peer.url, { direction: 'up' })).toMatchObject({ uploaded: 1, uploadRefused: 0 })
})

test('a protected event never goes out, nor inside a repost; it comes in only when that is wanted', async () => {
  const mark = [['-']]
  const mine = signedEvent({ content: 'mine', tags: mark })
  const repost = signedEvent({ kind: KINDS.REPOST, content: JSON.stringify(mine) })
  const theirs = signedEvent({ content: 'theirs', tags: mark })
  const ours = await relayWith([mine, repost])
  const peer = await relayWith([theirs])
  const totals = await sync(ours, peer.url, { direction: 'both' })
  expect(totals).toMatchObject({ withheld: 2, uploaded: 0, stored: 0, refused: 1 })
  expect(await allIds(peer.store)).toEqual([theirs.id])
  expect(await sync(ours, peer.url, { takesProtected: true })).toMatchObject({ stored: 1 })
})

test('private messages and drafts stay here unless they are to be shared', async () => {
  const secret = [KINDS.ENCRYPTED_DIRECT_MESSAGE, KINDS.GIFT_WRAP].map((kind) => signedEvent({ kind }))
  const ours = await relayWith([...secret, signedEvent({ content: 'open' })])
  const peer = await relayWith([])
  expect(await sync(ours, peer.url, { direction: 'up' })).toMatchObject({ have: 1, uploaded: 1 })
  expect(await sync(ours, peer.url, { direction: 'up', sharesPrivate: true })).toMatchObject({ uploaded: 2 })
})

test('what our own rules refuse is counted by its reason, and does not come in', async () => {
  const vanish = signedEvent({
    kind: KINDS.VANISH,
    created_at: 1_500_000_000,
    tags: [['relay', 'wss://elsewhere.example']],
  })
  const members = signedEvent({ kind: KINDS.MEMBERSHIP_LIST })
  const old = signedEvent({ kind: 0, content: 'old', created_at: 1_600_000_000 })
  const ours = await relayWith([signedEvent({ kind: 0, content: 'new' })])
  const peer = await relayWith([vanish, members, old])
  const totals = await sync(ours, peer.url)
  expect(totals).toMatchObject({ fetched: 3, stored: 0, refused: 3 })
  expect([...totals.refusals]).toEqual(
    expect.arrayContaining([
      ['blocked', 2],
      ['superseded', 1],
    ]),
  )
})

test('a relay that wants to know who we are is told, and serves us', async () => {
  const auth = { ...defaultConfig().relay.auth, requiredToRead: true, requiredToWrite: true }
  const ours = await relayWith(notes(3, 'mine'))
  const peer = await relayWith(notes(4, 'theirs'), { auth })
  await expect(sync(ours, peer.url)).rejects.toMatchObject({ code: 'PEER_FAILED' })
  const totals = await sync(ours, peer.url, { direction: 'both', signer: authorSigner })
  expect(totals).toMatchObject({ method: 'negentropy', stored: 4, uploaded: 3 })
})

test('an address where nobody listens is a failure that says so', async () => {
  const ours = await relayWith([])
  await expect(sync(ours, 'ws://127.0.0.1:1/?authorization=secret')).rejects.toMatchObject({
    code: 'PEER_FAILED',
    message: expect.not.stringContaining('secret'),
  })
})

test('calling it off ends it', async () => {
  const ours = await relayWith([])
  const peer = await relayWith(notes(600, 'theirs'))
  const calling = new AbortController()
  const off = sync(ours, peer.url, { signal: calling.signal, onProgress: () => calling.abort() })
  await expect(off).rejects.toMatchObject({ code: 'PEER_FAILED' })
})
