import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { createMemoryStore } from '../events/memory/index.ts'
import { systemClock } from '../kernel/index.ts'
import type { NostrEvent } from '../nostr/index.ts'
import { mirrorFile } from './mirror-file.ts'
import { DEFAULT_MIRROR, type MirrorSettings } from './mirror-settings.ts'
import type { MirrorRecord, MirrorsState } from './mirror-state.ts'
import { type Mirrors, type MirrorsDeps, openMirrors } from './mirrors.ts'
import { connectRelay } from './relay-client.ts'
import {
  allIds,
  answerTo,
  eventually,
  fillStore,
  filterOf,
  signedEvent,
  startFakeRelay,
  startTestRelay,
  type TestRelay,
} from './testing/index.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

async function relayWith(
  events: readonly NostrEvent[] = [],
  settings: { port?: number } = {},
): Promise<TestRelay> {
  const store = createMemoryStore()
  await fillStore(store, events)
  const relay = await startTestRelay(store, settings)
  cleanUps.push(() => relay.stop())
  return relay
}

function memoryState(): MirrorsState & { records: readonly MirrorRecord[] } {
  const state = {
    records: [] as readonly MirrorRecord[],
    load: async () => state.records,
    save: async (records: readonly MirrorRecord[]) => {
      state.records = structuredClone(records)
    },
  }
  return state
}

async function mirrorsOf(ours: TestRelay, deps: Partial<MirrorsDeps>): Promise<Mirrors> {
  const mirrors = await openMirrors({
    store: ours.store,
    intake: ours.intake,
    subscribe: ours.subscribe,
    clock: systemClock,
    state: memoryState(),
    configured: [],
    backoff: { firstMs: 20, maxMs: 50 },
    ...deps,
  })
  cleanUps.push(() => mirrors.stop())
  return mirrors
}

const mirrorOf = (url: string, more: Partial<MirrorSettings> = {}): MirrorSettings => ({
  ...DEFAULT_MIRROR,
  url,
  ...more,
})

async function publish(relay: TestRelay, events: readonly NostrEvent[]): Promise<void> {
  const client = await connectRelay({ url: relay.url })
  for (const event of events) {
    expect(await client.publish(event.id, JSON.stringify(event))).toMatchObject({ isAccepted: true })
  }
  client.close()
}

const phaseOf = (mirrors: Mirrors) => mirrors.list()[0]?.phase
const notes = (count: number, content: string) =>
  Array.from({ length: count }, (_, n) => signedEvent({ content: `${content} ${n}` }))
const holds = (relay: TestRelay, count: number) => () => relay.store.stats().events === count

test('a relay that is followed hands on its past and what is new, also what is dated back', async () => {
  const peer = await relayWith(notes(10, 'past'))
  const ours = await relayWith()
  const mirrors = await mirrorsOf(ours, { configured: [mirrorOf(peer.url)] })
  await eventually(() => phaseOf(mirrors) === 'live')
  expect(ours.store.stats().events).toBe(10)
  await publish(peer, [
    signedEvent({ content: 'new' }),
    signedEvent({ content: 'old', created_at: 1_600_000_000 }),
  ])
  await eventually(holds(ours, 12))
  expect(await allIds(ours.store)).toEqual(await allIds(peer.store))
  expect(mirrors.list()[0]).toMatchObject({ lastError: undefined, openGaps: 0, totals: { uploaded: 0 } })
})

test('what a mirror brings reaches those who are subscribed here', async () => {
  const peer = await relayWith()
  const ours = await relayWith()
  const mirrors = await mirrorsOf(ours, { configured: [mirrorOf(peer.url)] })
  await eventually(() => phaseOf(mirrors) === 'live')
  const reader = await connectRelay({ url: ours.url })
  const subscription = reader.request([{}])
  expect(await subscription.next(10)).toMatchObject({ isStoredSent: true })
  const event = signedEvent({ content: 'new' })
  await publish(peer, [event])
  expect(await subscription.next(10)).toMatchObject({ events: [event] })
  reader.close()
})

test('a relay that is fed gets our past and what clients bring, but nothing protected or private', async () => {
  const peer = await relayWith()
  const ours = await relayWith([...notes(5, 'past'), signedEvent({ kind: 1059 })])
  const mirrors = await mirrorsOf(ours, { configured: [mirrorOf(peer.url, { direction: 'push' })] })
  await eventually(() => phaseOf(mirrors) === 'live')
  await publish(ours, [...notes(5, 'new'), signedEvent({ kind: 1059, content: 'new' })])
  await eventually(() => mirrors.list()[0]?.totals.uploaded === 10)
  expect(await allIds(peer.store)).toEqual(
    [...notes(5, 'past'), ...notes(5, 'new')].map(({ id }) => id).sort(),
  )
})

test('two relays that follow and feed each other come to rest', async () => {
  const one = await relayWith(notes(5, 'one'))
  const other = await relayWith(notes(5, 'other'))
  const both = [
    await mirrorsOf(one, { configured: [mirrorOf(other.url, { direction: 'both' })] }),
    await mirrorsOf(other, { configured: [mirrorOf(one.url, { direction: 'both' })] }),
  ]
  await eventually(() => both.every((mirrors) => phaseOf(mirrors) === 'live'))
  await publish(one, notes(20, 'new'))
  await eventually(() => holds(one, 30)() && holds(other, 30)())
  const sent = () => both.reduce((sum, mirrors) => sum + (mirrors.list()[0]?.totals.uploaded ?? 0), 0)
  let before = -1
  await eventually(async () => {
    if (sent() === before) return true
    before = sent()
    await delay(100)
    return false
  })
  // Each event at most once each way, the new ones and the five that each side lacked.
  expect(sent()).toBeLessThanOrEqual(2 * 30)
})

test('an event goes on from one mirror to the next', async () => {
  const source = await relayWith()
  const target = await relayWith()
  const ours = await relayWith()
  const configured = [mirrorOf(source.url), mirrorOf(target.url, { direction: 'push' })]
  const mirrors = await mirrorsOf(ours, { configured })
  await eventually(() => mirrors.list().every(({ phase }) => phase === 'live'))
  await publish(source, notes(3, 'new'))
  await eventually(holds(target, 3))
})

test('a peer that goes and comes back is found again, and nothing of the time between is lost', async () => {
  const peer = await relayWith(notes(3, 'past'))
  const ours = await relayWith()
  const mirrors = await mirrorsOf(ours, { configured: [mirrorOf(peer.url)] })
  await eventually(() => phaseOf(mirrors) === 'live')
  await peer.stop()
  await eventually(() => mirrors.list()[0]?.lastError !== undefined)
  const nowSeconds = systemClock.nowSeconds()
  const missed = signedEvent({ content: 'missed', created_at: nowSeconds })
  await relayWith([...notes(3, 'past'), missed], { port: Number(new URL(peer.url).port) })
  await eventually(holds(ours, 4))
  await eventually(() => phaseOf(mirrors) === 'live')
  expect(mirrors.list()[0]).toMatchObject({ connections: 2, lastError: undefined })
})

test('a past that is read page by page goes on where it was broken off', async () => {
  const events = Array.from({ length: 300 }, (_, n) =>
    signedEvent({ content: `${n}`, created_at: 1_700_000_000 + n }),
  )
  const pages: (number | undefined)[] = []
  let pagesLeft = 3
  const peer = await startFakeRelay((message, say, socket) => {
    if (message[0] === 'NEG-OPEN') say('NOTICE', 'no')
    if (message[0] !== 'REQ') return
    const { limit, until } = filterOf(message[2])
    if (limit !== 1) {
      pages.push(until)
      if (pagesLeft === 0) return socket.terminate()
      pagesLeft -= 1
    }
    for (const event of answerTo(message, events, 50)) say('EVENT', message[1], event)
    say('EOSE', message[1])
  })
  cleanUps.push(() => peer.stop())
  const ours = await relayWith()
  const state = memoryState()
  const configured = [mirrorOf(peer.url)]
  const first = await mirrorsOf(ours, { configured, state, backoff: { firstMs: 60_000, maxMs: 60_000 } })
  await eventually(() => phaseOf(first) === 'waiting')
  await first.stop()
  const reached = pages.at(-1)
  expect(reached).toBeLessThan(1_700_000_299 - 100)

  pages.length = 0
  pagesLeft = Number.POSITIVE_INFINITY
  const second = await mirrorsOf(ours, { configured, state })
  await eventually(() => phaseOf(second) === 'live')
  expect(ours.store.stats().events).toBe(300)
  // The newest first, which is empty; then from where it was, and nothing in between again.
  expect(pages.filter((until) => until !== undefined).every((until) => until <= reached!)).toBe(true)
})

test('mirrors added, paused and taken away are so after a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-mirrors-'))
  cleanUps.push(() => rmSync(folder, { recursive: true }))
  const state = mirrorFile(join(folder, 'mirrors.json'))
  const peers = [await relayWith(notes(2, 'a')), await relayWith(notes(2, 'b')), await relayWith()]
  const ours = await relayWith()
  const configured = [mirrorOf(peers[2]!.url)]
  const first = await mirrorsOf(ours, { state, configured })
  expect(await first.add(mirrorOf(peers[0]!.url))).toMatchObject({ ok: true })
  expect(await first.add(mirrorOf(peers[1]!.url))).toMatchObject({ ok: true })
  expect(await first.add(mirrorOf(`${peers[1]!.url}/`))).toMatchObject({ ok: false })
  expect(await first.pause(peers[0]!.url)).toMatchObject({ ok: true })
  expect(await first.remove(peers[1]!.url)).toMatchObject({ ok: true })
  expect(await first.remove(peers[2]!.url)).toMatchObject({ ok: false })
  expect(await first.pause(peers[2]!.url)).toMatchObject({ ok: true })
  await first.stop()

  const second = await mirrorsOf(ours, { state, configured })
  const listed = second.list().map(({ name, phase, isConfigured }) => ({ name, phase, isConfigured }))
  const nameOf = (relay: TestRelay) => new URL(relay.url).host
  expect(listed).toEqual([
    { name: nameOf(peers[2]!), phase: 'paused', isConfigured: true },
    { name: nameOf(peers[0]!), phase: 'paused', isConfigured: false },
  ])
  expect(await second.resume(peers[0]!.url)).toMatchObject({ ok: true })
  await eventually(() => second.list()[1]?.phase === 'live')
})

test('a damaged file with mirrors is a fault and not an empty list', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-mirrors-'))
  cleanUps.push(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'mirrors.json')
  writeFileSync(path, '{"version":1,"mirr')
  await expect(mirrorFile(path).load()).rejects.toMatchObject({ code: 'MIRRORS_FILE_DAMAGED' })
})

test('a new configuration touches only the mirrors that it changes', async () => {
  const peers = [await relayWith(), await relayWith()]
  const ours = await relayWith()
  const stays = mirrorOf(peers[0]!.url)
  const mirrors = await mirrorsOf(ours, { configured: [stays, mirrorOf(peers[1]!.url)] })
  await eventually(() => mirrors.list().every(({ phase }) => phase === 'live'))
  await mirrors.configure([stays, mirrorOf(peers[1]!.url, { direction: 'push' })])
  await eventually(() => mirrors.list().every(({ phase }) => phase === 'live'))
  expect(mirrors.list()).toMatchObject([
    { connections: 1, settings: { direction: 'pull' } },
    { connections: 1, settings: { direction: 'push' } },
  ])
  await expect(mirrors.configure([mirrorOf('http://nowhere')])).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
  await mirrors.configure([])
  expect(mirrors.list()).toEqual([])
})

test('an event that is too long, or of no filter, does not come in', async () => {
  const peer = await relayWith([
    signedEvent({ content: 'x'.repeat(2_000) }),
    signedEvent(),
    signedEvent({ kind: 7 }),
  ])
  const ours = await relayWith()
  const filters = [{ kinds: [1] }]
  const mirrors = await mirrorsOf(ours, {
    configured: [mirrorOf(peer.url, { maxEventCharacters: 1_000, filters })],
  })
  await eventually(() => phaseOf(mirrors) === 'live')
  expect(await allIds(ours.store)).toEqual([signedEvent().id])
})

test('the address of a mirror, which may hold a secret, is not shown', async () => {
  const ours = await relayWith()
  const mirrors = await mirrorsOf(ours, { configured: [mirrorOf('ws://127.0.0.1:1/?authorization=secret')] })
  await eventually(() => mirrors.list()[0]?.lastError !== undefined)
  expect(JSON.stringify(mirrors.list())).not.toContain('secret')
})

test.each([
  [{ limit: 5 }, 'no limit'],
  [{ search: 'words' }, 'no search'],
  [{ kinds: ['1'] }, 'kinds must hold'],
])('a mirror cannot be made with the filter %j', async (filter, why) => {
  const ours = await relayWith()
  const mirrors = await mirrorsOf(ours, {})
  const added = await mirrors.add(mirrorOf('ws://127.0.0.1:1', { filters: [filter] }))
  expect(added).toEqual({ ok: false, refusal: expect.stringContaining(why) })
})
