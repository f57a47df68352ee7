import { readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { alice, bob, carol, idsFound, NOW_SECONDS, put, testEvent } from '../testing/index.ts'
import { type LogStoreOptions, openLogStore } from './log-store.ts'
import { noticeBoard, temporaryFolder } from './testing.ts'

const DAY_MS = 24 * 60 * 60_000
const SECRET = 'what was said in confidence'

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => rmSync(folder, { recursive: true }))

const request = testEvent({ kind: 62, created_at: NOW_SECONDS })
const filler = (n: number) => testEvent({ pubkey: bob, content: `${n} ${'x'.repeat(200)}` })

/** One secret among many events of others, in every few of the segments; then the request. */
async function fillAndVanish(options: Partial<LogStoreOptions>) {
  const { store, board } = await open(options)
  for (let n = 0; n < 60; n++) {
    await put(store, [filler(n)])
    if (n % 20 === 5) await put(store, [testEvent({ content: `${SECRET} ${n}` })])
    if (n === 31)
      await put(store, [testEvent({ kind: 1059, pubkey: carol, tags: [['p', alice]], content: SECRET })])
    // Replaced by the next one, and erased with it all the same.
    if (n > 50 && n < 54)
      await put(store, [testEvent({ kind: 0, content: SECRET, created_at: NOW_SECONDS - 60 + n })])
  }
  await store.settled()
  expect(filesWith(SECRET).length).toBeGreaterThan(2)
  expect(await put(store, [request])).toEqual(['stored'])
  await store.settled()
  return { store, board }
}

const SMALL: Partial<LogStoreOptions> = {
  segmentBytes: 6_000,
  maintenance: 'inline',
  // Only for the sake of those who vanished.
  compaction: { joinCount: 10_000, minRemovedShare: 2 },
}

test('files are rid of what has vanished as soon as they are a day old, the others stay as they are', async () => {
  let nowMs = Date.now()
  const { store, board } = await fillAndVanish({ ...SMALL, nowMs: () => nowMs })
  expect(board.named('store.compacted')).toEqual([])
  expect(filesWith(SECRET).length).toBeGreaterThan(2)
  nowMs += DAY_MS + 60_000
  const filled = Array.from({ length: 40 }, (_, n) => filler(100 + n))
  for (const event of filled) await put(store, [event])
  await store.settled()
  const rewritten = board.named('store.compacted').length
  expect(rewritten).toBeGreaterThan(2)
  expect(rewritten).toBeLessThan(board.named('store.segment_sealed').length)
  await store.close()
  // Retired files go when the store is closed.
  expect(filesWith(SECRET)).toEqual([])
  const { store: again } = await open(SMALL)
  expect(again.stats().events).toBe(101)
  expect(await put(again, [testEvent({ content: SECRET })])).toEqual(['vanished'])
  await again.close()
})

test('what a stop has left to erase is found again at the next start', async () => {
  const { store } = await fillAndVanish(SMALL)
  await store.close()
  expect(filesWith(SECRET).length).toBeGreaterThan(2)
  const { store: again, board } = await open({ ...SMALL, nowMs: () => Date.now() + DAY_MS + 60_000 })
  // The segment that is being written when the store stops goes on being written.
  for (let n = 200; n < 240; n++) await put(again, [filler(n)])
  await again.settled()
  expect(board.named('store.compacted').length).toBeGreaterThan(2)
  await again.close()
  expect(filesWith(SECRET)).toEqual([])
})

test.each([0, 64 * 1024 * 1024])(
  'a request in a sealed segment is known after a start, with %i bytes of indexes',
  async (indexBytes) => {
    const options = { ...SMALL, indexBytes, cacheBytes: indexBytes }
    const { store } = await fillAndVanish(options)
    for (let n = 100; n < 160; n++) await put(store, [filler(n)])
    await store.settled()
    await store.close()
    const { store: again, board } = await open(options)
    expect(await put(again, [testEvent(), testEvent({ created_at: NOW_SECONDS + 1 })])).toEqual([
      'vanished',
      'stored',
    ])
    expect(await idsFound(again, [{ authors: [alice], until: NOW_SECONDS }])).toEqual([request.id])
    expect(board.warnings()).toEqual([])
    await again.close()
  },
)

test('a request whose record is torn never happened: all that it would have taken is there', async () => {
  const { store } = await open({ segmentBytes: 64 * 1024 })
  const notes = Array.from({ length: 10 }, (_, n) => testEvent({ content: `${n}` }))
  await put(store, notes)
  await put(store, [request])
  await store.close()
  const path = join(folder, '000001.log')
  truncateSync(path, statSync(path).size - 1)
  const { store: again, board } = await open({})
  expect(board.warnings()).toEqual(['store.torn_tail_cut'])
  expect(await idsFound(again, [{}])).toHaveLength(10)
  expect(await put(again, [testEvent({ content: 'late' }), request])).toEqual(['stored', 'stored'])
  expect(await idsFound(again, [{}])).toEqual([request.id])
  await again.close()
})

test('an author of thousands of events vanishes in one request, from small segments too', async () => {
  const { store } = await open({ segmentBytes: 64 * 1024, maintenance: 'inline' })
  const notes = Array.from({ length: 3_000 }, (_, n) =>
    testEvent({ content: `${n}`, created_at: NOW_SECONDS - n }),
  )
  await put(store, notes)
  await put(store, [filler(1), request])
  expect(store.stats().events).toBe(2)
  await store.close()
  const { store: again } = await open({})
  expect(again.stats().events).toBe(2)
  expect(await put(again, notes.slice(0, 2))).toEqual(['vanished', 'vanished'])
  await again.close()
})

function filesWith(text: string): string[] {
  return readdirSync(folder).filter((name) => readFileSync(join(folder, name)).includes(text))
}

async function open(options: Partial<LogStoreOptions>) {
  const board = noticeBoard()
  return { board, store: await openLogStore({ ...options, folder, notify: board.notify }) }
}
