import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { EventStore } from '../events/index.ts'
import { type LogStoreOptions, openLogStore } from '../events/log/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { alice, bob, bytesOf, idsFound, NOW_SECONDS, put, testEvent } from '../events/testing/index.ts'
import { createManualClock } from '../kernel/index.ts'
import { registerRetentionMetrics } from './metrics.ts'
import { STEP_EVENTS } from './pass.ts'
import { PendingBytes } from './pending-bytes.ts'
import { type Retention, startRetention } from './retention.ts'
import { parseRetention, type RetentionSettings } from './rules.ts'
import { runPass } from './run-pass.ts'

const CHILD = fileURLToPath(new URL('./testing/pass-child.ts', import.meta.url))
const HOUR = 3600

let folder = ''
const open: { close(): Promise<void> }[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-retention-'))
})

afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close()
  rmSync(folder, { recursive: true, force: true })
})

async function logStore(options: Partial<LogStoreOptions> = {}): Promise<EventStore> {
  const store = await openLogStore({ folder, maintenance: 'inline', search: false, ...options })
  open.push(store)
  return store
}

const clock = createManualClock(NOW_SECONDS * 1000)

function retentionOf(store: EventStore, settings: Partial<RetentionSettings>): Retention {
  const retention = startRetention({
    store,
    clock,
    logger: pino({ level: 'silent' }),
    settings: { rules: [], keepKinds: [], maxDiskBytes: 0, intervalSeconds: 86_400, ...settings },
    sweepIntervalSeconds: 86_400,
  })
  open.push({ close: () => retention.stop() })
  return retention
}

const note = (n: number, createdAt: number, pubkey = alice) =>
  testEvent({ content: `note ${n}`, created_at: createdAt, pubkey })

const notes = (count: number, createdAt: (n: number) => number) =>
  Array.from({ length: count }, (_, n) => note(n, createdAt(n)))

async function putAll(store: EventStore, events: readonly ReturnType<typeof note>[]): Promise<void> {
  for (let at = 0; at < events.length; at += 1000) await put(store, events.slice(at, at + 1000))
}

test('what is put while a pass is under way stays, and what the rules say goes', async () => {
  const store = await logStore()
  const old = notes(3_000, (n) => NOW_SECONDS - 2 * HOUR - n)
  await putAll(store, old)
  const retention = retentionOf(store, { rules: ['1: hours=1'] })
  const running = retention.runNow()
  const young: ReturnType<typeof note>[] = []
  // As many puts as fit in while it runs, and at least one.
  do {
    const event = note(10_000 + young.length, NOW_SECONDS + young.length, bob)
    young.push(event)
    expect(await put(store, [event])).toEqual(['stored'])
  } while (retention.stats().isRunning)
  const report = await running
  expect(report?.removed).toMatchObject([{ reason: 'age', rule: '1: hours=1', events: 3_000 }])
  const left = await idsFound(store, [{}], NOW_SECONDS + 100_000)
  expect(left.toSorted()).toEqual(young.map(({ id }) => id).toSorted())
  expect(young.length).toBeGreaterThan(1)
})

test('a stop ends a pass between two steps, and the next pass does the rest', async () => {
  const store = await logStore()
  await putAll(
    store,
    notes(2_000, (n) => NOW_SECONDS - 2 * HOUR - n),
  )
  const rules = parseRetention({ rules: ['1: hours=1'], keepKinds: [], maxDiskBytes: 0, intervalSeconds: 60 })
  const stop = new AbortController()
  const options = { store, rules, nowSeconds: NOW_SECONDS, signal: stop.signal }
  const first = await runPass({ ...options, rest: async () => stop.abort() })
  expect(first.isWhole).toBe(false)
  // A step reads 500 events at most, and fewer when its time is over before.
  const gone = first.removed[0]!.events
  expect(gone).toBeGreaterThan(0)
  expect(gone).toBeLessThanOrEqual(STEP_EVENTS)
  const second = await runPass({
    ...options,
    signal: new AbortController().signal,
    rest: async () => undefined,
  })
  expect(second).toMatchObject({ isWhole: true, removed: [{ events: 2_000 - gone }] })
})

test('a pass that is killed is finished by the next one, and nothing that the rules keep is lost', async () => {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const events = notes(6_000, (n) => nowSeconds - n)
  const before = await openLogStore({ folder, maintenance: 'inline', search: false })
  await putAll(before, events)
  await before.close()

  const child = spawn(process.execPath, [CHILD, folder, '1: events=100'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')

  const store = await logStore()
  const kept = events.slice(0, 100).map(({ id }) => id)
  const left = await idsFound(store, [{}], nowSeconds)
  expect(left.slice(0, 100)).toEqual(kept)
  const { signal } = new AbortController()
  const rules = parseRetention({
    rules: ['1: events=100'],
    keepKinds: [],
    maxDiskBytes: 0,
    intervalSeconds: 60,
  })
  await runPass({ store, rules, nowSeconds, signal, rest: async () => undefined })
  expect(await idsFound(store, [{}], nowSeconds)).toEqual(kept)
})

test('the log shrinks below its cap by its oldest events, also when a second holds more than a window', async () => {
  const store = await logStore({ segmentBytes: 300_000 })
  const crowded = notes(5_500, () => NOW_SECONDS - 10_000)
  const later = notes(3_000, (n) => NOW_SECONDS - 5_000 + n).map(({ tags, ...event }) =>
    testEvent({ ...event, tags: [...tags, ['t', 'later']] }),
  )
  const profile = testEvent({ kind: 0, created_at: 1 })
  await putAll(store, [profile, ...crowded, ...later])
  const { diskBytes } = store.stats()
  const maxDiskBytes = Math.round(diskBytes / 4)
  const retention = retentionOf(store, { keepKinds: [0], maxDiskBytes })
  const report = await retention.runNow()
  expect(report).toMatchObject({ isWhole: true, excessBytes: 0 })
  const left = await idsFound(store, [{}])
  expect(left.at(-1)).toBe(profile.id)
  // Of the crowded second nothing is left but what was not needed, and that only when all of it was not needed.
  const expected = later.map(({ id }) => id).toReversed()
  expect(left.slice(0, -1)).toEqual(expected.slice(0, left.length - 1))
  expect(left.length).toBeGreaterThan(500)
  expect(left.length).toBeLessThan(3_001)
})

test('space that is not given back yet is no reason to remove more', async () => {
  const stuck = createMemoryStore()
  await putAll(
    stuck,
    notes(50, (n) => NOW_SECONDS - n),
  )
  const facade: EventStore = {
    put: (batch, nowSeconds) => stuck.put(batch, nowSeconds),
    has: (id) => stuck.has(id),
    query: (filters, nowSeconds) => stuck.query(filters, nowSeconds),
    count: (filters, nowSeconds) => stuck.count(filters, nowSeconds),
    sketch: (filter, offset, nowSeconds) => stuck.sketch(filter, offset, nowSeconds),
    idSet: (filter, maxIds, nowSeconds) => stuck.idSet(filter, maxIds, nowSeconds),
    remove: (ids) => stuck.remove(ids),
    sweepExpired: (nowSeconds) => stuck.sweepExpired(nowSeconds),
    stats: () => ({ ...stuck.stats(), diskBytes: 50_000 }),
    close: () => stuck.close(),
  }
  const retention = retentionOf(facade, { maxDiskBytes: 45_000 })
  const first = await retention.runNow()
  expect(first?.removed[0]?.events).toBeGreaterThan(5)
  const second = await retention.runNow()
  expect(second?.removed).toEqual([])
  expect(retention.stats().pendingBytes).toBeGreaterThanOrEqual(5_000)
})

test('what came back is told from what came in', () => {
  const pending = new PendingBytes()
  const stats = { events: 1_000, diskBytes: 1_000_000, memoryBytes: 0, lastSeq: 1_000 }
  pending.observe(stats, 0)
  pending.removed(50_000)
  pending.observe({ ...stats, events: 1_000, lastSeq: 1_050 }, 0)
  expect(pending.bytes).toBe(0)
  pending.removed(50_000)
  pending.observe({ ...stats, diskBytes: 1_050_000, lastSeq: 1_100 }, 24 * HOUR * 1000)
  expect(pending.bytes).toBe(25_000)
})

test('expired events are swept, and the metrics say how many went for which reason', async () => {
  const store = createMemoryStore()
  const expiring = testEvent({ tags: [['expiration', String(NOW_SECONDS + 10)]] })
  await put(store, [expiring, note(1, NOW_SECONDS - 2 * HOUR), note(2, NOW_SECONDS)])
  const retention = retentionOf(store, { rules: ['*: hours=1'] })
  const registry = new Registry()
  registerRetentionMetrics(registry, () => retention.stats())
  expect(await retention.sweepExpired()).toBe(0)
  clock.advanceSeconds(10)
  expect(await retention.sweepExpired()).toBe(1)
  await retention.runNow()
  const text = await registry.metrics()
  expect(text).toContain('stoa_retention_removed_total{reason="expired"} 1')
  expect(text).toContain('stoa_retention_removed_total{reason="age"} 1')
  expect(text).toContain('stoa_retention_passes_total 1')
})

test('rules that cannot be meant change nothing, and a store that fails ends only the pass', async () => {
  const store = createMemoryStore()
  await store.put([bytesOf(note(1, 5))], NOW_SECONDS)
  const retention = retentionOf(store, { rules: ['1: hours=1'] })
  const settings = { rules: ['9-1: keep'], keepKinds: [], maxDiskBytes: 0, intervalSeconds: 60 }
  expect(() => retention.configure(settings)).toThrow('9-1')
  const remove = store.remove.bind(store)
  store.remove = () => Promise.reject(new Error('the disk is gone'))
  expect(await retention.runNow()).toBeUndefined()
  expect(retention.stats()).toMatchObject({ failures: 1, passes: 0 })
  store.remove = remove
  expect(await retention.runNow()).toMatchObject({ removed: [{ events: 1 }] })
})
