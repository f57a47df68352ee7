import { existsSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { EventStore } from '../store.ts'
import { bytesOf, drain, NOW_SECONDS, pubkeyOf, testEvent } from '../testing/index.ts'
import { randomOf } from './crash-script.ts'
import { type LogStore, type LogStoreOptions, openLogStore } from './log-store.ts'
import { SEGMENT_PAGE_BYTES } from './segment-bytes.ts'
import { noticeBoard, temporaryFolder } from './testing.ts'

const KIB = 1024
const SEGMENT_BYTES = 64 * KIB
/** What a store takes however little it is allowed: the filter of ids, the smallest page cache, the segment being written. */
const FLOOR_BYTES = 64 * KIB + 1024 * KIB + 2 * SEGMENT_BYTES + 256 * KIB

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a store keeps to the memory that it is allowed', () => {
  test.each([
    { cacheBytes: 0, indexBytes: 0 },
    { cacheBytes: 256 * KIB, indexBytes: 128 * KIB },
  ])('with %o', async (bounds) => {
    const options = {
      ...bounds,
      segmentBytes: SEGMENT_BYTES,
      compaction: { joinCount: 6 },
      maintenance: 'inline',
    } as const
    const { store, board } = await open(options)
    const random = randomOf(1)
    const limit = bounds.cacheBytes + bounds.indexBytes + FLOOR_BYTES
    let highest = 0
    for (let round = 0; round < 60; round++) {
      await fill(store, random, 100)
      await look(store, random)
      await store.settled()
      store.trimCache()
      const { memoryBytes } = store.stats()
      highest = Math.max(highest, memoryBytes)
      expect(memoryBytes, `round ${round}`).toBeLessThanOrEqual(limit)
    }
    // The bounds were met because things were let go, not because there was little.
    expect(store.stats().diskBytes).toBeGreaterThan(1_500 * KIB)
    expect(board.named('store.segment_sealed').length).toBeGreaterThan(20)
    expect(board.warnings()).toEqual([])
    await store.close()
  })

  test('and uses what it is allowed', async () => {
    const { store } = await open({
      segmentBytes: SEGMENT_BYTES,
      cacheBytes: 64 * 1024 * KIB,
      indexBytes: 64 * 1024 * KIB,
      maintenance: 'inline',
    })
    await fill(store, randomOf(2), 3_000)
    await store.settled()
    await drain(store.query([{}], NOW_SECONDS), [500])
    const before = store.stats().memoryBytes
    store.trimCache()
    expect(store.stats().memoryBytes).toBe(before)
    expect(before).toBeGreaterThan(1_500 * KIB)
    await store.close()
  })

  test('between two turns of the clock as well, when queries bring in much at once', async () => {
    const { store } = await open({ segmentBytes: 1024 * KIB, cacheBytes: 0, maintenance: 'inline' })
    await fill(store, randomOf(3), 12_000)
    await store.settled()
    store.trimCache()
    const before = store.stats().memoryBytes
    await drain(store.query([{}], NOW_SECONDS), [500])
    // What was loaded since the last look is let go in the next turn of the event loop.
    await delay(5)
    expect(store.stats().memoryBytes - before).toBeLessThan(2 * 1024 * KIB)
    await store.close()
  })
})

test('indexes beyond the bound leave the memory while the store runs, as they would when it is opened again', async () => {
  const options = {
    segmentBytes: 64 * KIB,
    indexBytes: 1024 * KIB,
    cacheBytes: 0,
    maintenance: 'inline',
    compaction: { joinCount: 100 },
  } as const
  const { store } = await open(options)
  // Many tags make an index bigger than its events.
  const notes = Array.from({ length: 1_200 }, (_, n) =>
    testEvent({ tags: Array.from({ length: 100 }, (_, tag) => ['t', `${n} ${tag}`]) }),
  )
  await store.put(notes.map(bytesOf), NOW_SECONDS)
  await store.settled()
  store.trimCache()
  const running = store.stats().memoryBytes
  await store.close()
  const { store: again } = await open(options)
  expect(running - again.stats().memoryBytes).toBeLessThan(256 * KIB)
  expect(again.stats().memoryBytes).toBeLessThan(options.indexBytes + FLOOR_BYTES)
  await again.close()
})

test('what was asked for last is let go last', async () => {
  // Room for the segment being written and three pages of others.
  const { store } = await open({
    segmentBytes: SEGMENT_BYTES,
    cacheBytes: SEGMENT_BYTES + 3 * SEGMENT_PAGE_BYTES,
    maintenance: 'inline',
    compaction: { joinCount: 100 },
  })
  const notes = Array.from({ length: 800 }, (_, n) => testEvent({ content: `${n} ${'x'.repeat(300)}` }))
  await store.put(notes.map(bytesOf), NOW_SECONDS)
  await store.settled()
  /** Asks for an event of the segment; how much had to be read for it. */
  const ask = async (segment: number) => {
    const before = store.stats().memoryBytes
    // About ninety events fit into a segment.
    const { id } = notes[segment * 90 + 45]!
    await drain(store.query([{ ids: [id] }], NOW_SECONDS), [1])
    const read = store.stats().memoryBytes - before
    store.trimCache()
    return read
  }
  for (const segment of [1, 2, 3, 1, 4]) await ask(segment)
  expect([await ask(1), await ask(3), await ask(4)]).toEqual([0, 0, 0])
  expect(await ask(2)).toBeGreaterThan(0)
  expect(await ask(1)).toBeGreaterThan(0)
  await store.close()
})

test.runIf(existsSync('/proc/self/fd'))('files are closed when they are not needed any more', async () => {
  const before = openFiles()
  for (const bounds of [{ indexBytes: 0, cacheBytes: 0 }, {}]) {
    for (let reopening = 0; reopening < 5; reopening++) {
      const { store } = await open({
        ...bounds,
        segmentBytes: 16 * KIB,
        maintenance: 'inline',
        compaction: { joinCount: 3 },
      })
      const random = randomOf(reopening)
      for (let round = 0; round < 8; round++) {
        await fill(store, random, 50)
        await look(store, random)
        await store.settled()
        store.trimCache()
      }
      await store.close()
      expect(openFiles()).toEqual(before)
    }
  }
})

test.runIf(existsSync('/proc/self/fd'))('a store that could not be opened leaves nothing open', async () => {
  const { store } = await open({ segmentBytes: 16 * KIB, maintenance: 'inline' })
  await fill(store, randomOf(1), 200)
  await store.settled()
  await store.close()
  const first = readdirSync(folder).find((name) => name.endsWith('.log'))!
  rmSync(`${folder}/${first}`)
  const before = openFiles()
  await expect(open({ indexBytes: 0 })).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  expect(openFiles()).toEqual(before)
})

async function open(options: Partial<LogStoreOptions>) {
  const board = noticeBoard()
  return { board, store: await openLogStore({ ...options, folder, notify: board.notify }) }
}

/** Puts events, a third of which replace others. */
async function fill(store: EventStore, random: () => number, count: number) {
  const events = Array.from({ length: count }, () => {
    const pubkey = pubkeyOf(`author ${Math.floor(random() * 20)}`)
    const kind = random() < 0.33 ? 10_000 + Math.floor(random() * 20) : 1
    const created_at = NOW_SECONDS + Math.floor(random() * 1_000_000)
    const tags = [['t', `topic ${Math.floor(random() * 200)}`]]
    return testEvent({ pubkey, kind, created_at, tags, content: 'x'.repeat(random() * 600) })
  })
  await store.put(events.map(bytesOf), NOW_SECONDS)
  return events
}

/** Asks for something from everywhere. */
async function look(store: LogStore, random: () => number): Promise<void> {
  const author = pubkeyOf(`author ${Math.floor(random() * 20)}`)
  await drain(store.query([{ authors: [author] }], NOW_SECONDS), [100])
  await drain(store.query([{ tags: [{ name: 't', values: ['topic 1', 'topic 2'] }] }], NOW_SECONDS), [100])
  await store.count([{ kinds: [1], since: NOW_SECONDS }], NOW_SECONDS)
}

function openFiles(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`)
      } catch {
        // The one that the listing itself was read by.
        return ''
      }
    })
    .filter((target) => target.includes('stoa-log-'))
}
