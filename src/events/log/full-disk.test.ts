import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { bob, idsFound, NOW_SECONDS, put, testEvent } from '../testing/index.ts'
import { type LogStoreOptions, openLogStore } from './log-store.ts'
import { noticeBoard, temporaryFolder } from './testing.ts'

const KIB = 1024
const DISK_KIB = 8 * KIB
/** As long as the store waits before it tries a disk again. */
const RETRY_MS = 1_000

let root: string
/** A small disk of its own. */
let disk: string
let nowMs: number

const canMount = tryMount()
if (!canMount) console.warn('full-disk.test.ts: not tested, since mounting a small tmpfs needs root.')

beforeEach(() => {
  root = temporaryFolder()
  disk = mount(root)
  nowMs = 1_000_000
})

afterEach(() => {
  unmount(disk)
  rmSync(root, { recursive: true })
})

describe.runIf(canMount)('on a full disk', () => {
  test('what was stored stays, what failed is not there, and later it goes on', async () => {
    const { store, board } = await open({ segmentBytes: 1024 * KIB })
    leaveFree(64)
    const stored: NostrEvent[] = []
    const failed: NostrEvent[] = []
    for (let n = 0; n < 60; n++) {
      const event = testEvent({ content: `${n} ${'x'.repeat(3_000)}` })
      const [outcome] = await put(store, [event])
      if (outcome === 'stored') stored.push(event)
      else if (outcome === 'failed') failed.push(event)
    }
    expect(stored.length).toBeGreaterThan(5)
    expect(failed.length).toBe(60 - stored.length)
    expect(board.named('store.write_failed')[0]?.facts.reason).toContain('ENOSPC')
    expect(await ids(store)).toEqual(idsOf(stored))
    expect(failed.filter(({ id }) => store.has(id))).toEqual([])
    expect(await storedAfterReopening({ segmentBytes: 1024 * KIB }, store)).toEqual(idsOf(stored))
  })

  test('a batch that does not fit fails as a whole or from some event on, and is not half there', async () => {
    const { store } = await open({ segmentBytes: 1024 * KIB })
    leaveFree(64)
    const batch = Array.from({ length: 60 }, (_, n) => testEvent({ content: `${n} ${'x'.repeat(3_000)}` }))
    const [first, second] = await Promise.all([put(store, batch.slice(0, 30)), put(store, batch.slice(30))])
    const outcomes = [...first, ...second]
    expect(outcomes).toContain('failed')
    const stored = batch.filter((_, n) => outcomes[n] === 'stored')
    expect(await ids(store)).toEqual(idsOf(stored))
    expect(await storedAfterReopening({}, store)).toEqual(idsOf(stored))
  })

  test('a version whose replacement failed is there again, at once and after reopening', async () => {
    const { store } = await open({ segmentBytes: 1024 * KIB })
    const old = testEvent({ kind: 10_002, content: 'old' })
    const victim = testEvent({ content: 'deleted in vain', pubkey: bob })
    await put(store, [old, victim])
    leaveFree(4)
    const next = testEvent({ kind: 10_002, content: 'x'.repeat(20_000), created_at: NOW_SECONDS + 1 })
    const deletion = testEvent({
      kind: 5,
      pubkey: bob,
      tags: [['e', victim.id]],
      content: 'x'.repeat(20_000),
    })
    expect(await put(store, [next])).toEqual(['failed'])
    nowMs += RETRY_MS
    expect(await put(store, [deletion])).toEqual(['failed'])
    expect(await ids(store)).toEqual(idsOf([old, victim]))
    expect(await idsFound(store, [{ kinds: [10_002] }])).toEqual([old.id])
    const { store: again } = await reopened(store)
    expect(await ids(again)).toEqual(idsOf([old, victim]))
    makeRoom()
    expect(await put(again, [next, deletion])).toEqual(['stored', 'stored'])
    expect(await ids(again)).toEqual(idsOf([next, deletion]))
    await again.close()
  })

  test('a request to vanish that failed has taken nothing along, and refuses nothing', async () => {
    const { store } = await open({ segmentBytes: 1024 * KIB })
    const first = testEvent({ kind: 62, pubkey: bob, created_at: NOW_SECONDS - 10 })
    const note = testEvent({ pubkey: bob })
    await put(store, [first, note])
    leaveFree(4)
    const request = testEvent({
      kind: 62,
      pubkey: bob,
      created_at: NOW_SECONDS + 5,
      content: 'x'.repeat(20_000),
    })
    expect(await put(store, [request])).toEqual(['failed'])
    expect(await ids(store)).toEqual(idsOf([first, note]))
    makeRoom()
    nowMs += RETRY_MS
    const at = (offset: number) =>
      testEvent({ pubkey: bob, created_at: NOW_SECONDS + offset, content: 'new' })
    expect(await put(store, [at(-10), at(5)])).toEqual(['vanished', 'stored'])
    expect(await put(store, [request])).toEqual(['stored'])
    expect(await put(store, [at(4)])).toEqual(['vanished'])
    expect(await storedAfterReopening({}, store)).toEqual([request.id])
  })

  test('a removal that was answered is not taken back by a later write that fails', async () => {
    const { store } = await open({ segmentBytes: 1024 * KIB })
    const victim = testEvent()
    await put(store, [victim])
    expect(await store.remove([victim.id])).toBe(1)
    leaveFree(4)
    expect(await put(store, [testEvent({ content: 'x'.repeat(20_000) })])).toEqual(['failed'])
    expect(store.has(victim.id)).toBe(false)
    await store.close()
  })

  test('a removal that failed says so, and the event stays', async () => {
    const { store } = await open({ segmentBytes: 1024 * KIB })
    const note = testEvent()
    await put(store, [note])
    leaveFree(0)
    // Ids of nobody do not matter, so it takes a few to need a new page of the disk.
    const many = Array.from({ length: 200 }, (_, n) => testEvent({ content: `${n}` }))
    const outcomes = await put(store, many)
    expect(outcomes).toContain('failed')
    await expect(store.remove([note.id])).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
    expect(store.has(note.id)).toBe(true)
    await store.close()
  })

  test('writes are refused for a second and while there is no room, and taken again afterwards', async () => {
    const { store, board } = await open({ segmentBytes: 1024 * KIB })
    leaveFree(4)
    const big = (n: number) => testEvent({ content: `${n} ${'x'.repeat(20_000)}` })
    const small = (n: number) => testEvent({ content: `small ${n}` })
    expect(await put(store, [big(1)])).toEqual(['failed'])
    // It would fit, but trying the disk for every event would cost more than it brings.
    expect(await put(store, [small(1)])).toEqual(['failed'])
    nowMs += RETRY_MS
    expect(await put(store, [small(1)])).toEqual(['failed'])
    expect(board.named('store.write_failed')).toHaveLength(1)
    makeRoom()
    expect(await put(store, [small(1), big(1)])).toEqual(['stored', 'stored'])
    expect(await storedAfterReopening({}, store)).toEqual(idsOf([small(1), big(1)]))
  })

  test('when no new segment can be begun, everybody who waits is answered', async () => {
    const { store } = await open({ segmentBytes: 16 * KIB, maintenance: 'inline' })
    leaveFree(24)
    const batches = Array.from({ length: 12 }, (_, batch) =>
      Array.from({ length: 4 }, (_, n) => testEvent({ content: `${batch} ${n} ${'x'.repeat(1_000)}` })),
    )
    const outcomes = await Promise.all(batches.map((batch) => put(store, batch)))
    const stored = batches.flatMap((batch, b) => batch.filter((_, n) => outcomes[b]![n] === 'stored'))
    expect(outcomes.flat()).toContain('failed')
    expect(outcomes.flat().every((outcome) => outcome === 'stored' || outcome === 'failed')).toBe(true)
    expect(await ids(store)).toEqual(idsOf(stored))
    makeRoom()
    nowMs += RETRY_MS
    const last = testEvent({ content: 'at last' })
    expect(await put(store, [last])).toEqual(['stored'])
    expect(await storedAfterReopening({}, store)).toEqual(idsOf([...stored, last]))
  })

  test.each(['inline', 'worker'] as const)(
    'sealing and compaction wait, leave nothing behind, and are made up for (%s)',
    async (maintenance) => {
      const options = { segmentBytes: 256 * KIB, maintenance, compaction: { joinCount: 2 } }
      const { store, board } = await open(options)
      // Their tags make an index that is big for its segment.
      const tagsOf = (n: number) => Array.from({ length: 20 }, (_, tag) => ['t', `${n} ${tag}`])
      const events = Array.from({ length: 230 }, (_, n) =>
        testEvent({ tags: tagsOf(n), content: 'x'.repeat(1_000 - JSON.stringify(tagsOf(n)).length) }),
      )
      // Room for the next segment, not for an index of the full one.
      await put(store, events.slice(0, 190))
      leaveFree(28)
      const outcomes: string[] = []
      for (const event of events.slice(190)) outcomes.push(...(await put(store, [event])))
      await vi.waitFor(() => expect(board.named('store.maintenance_failed').length).toBeGreaterThan(0), 5_000)
      expect(board.named('store.maintenance_failed')[0]?.facts).toMatchObject({ retryInMs: 1_000 })
      expect(board.named('store.segment_sealed')).toEqual([])
      expect(
        readdirSync(disk).filter((name) => name.endsWith('.tmp') && !name.startsWith('manifest')),
      ).toEqual([])
      const stored = [
        ...events.slice(0, 190),
        ...events.slice(190).filter((_, n) => outcomes[n] === 'stored'),
      ]
      expect(await ids(store)).toEqual(idsOf(stored))
      makeRoom()
      await vi.waitFor(() => expect(board.named('store.segment_sealed').length).toBeGreaterThan(0), 10_000)
      await store.settled()
      expect(await storedAfterReopening(options, store)).toEqual(idsOf(stored))
    },
  )

  test('a store cannot be opened for lack of room, and says so', async () => {
    leaveFree(0)
    await expect(open({})).rejects.toMatchObject({
      code: 'STORE_WRITE_FAILED',
      message: expect.stringContaining(`cannot write into ${disk}: ENOSPC`),
    })
  })
})

describe.runIf(canMount)('on a disk that is read-only', () => {
  test('a store is not opened, in clear words', async () => {
    const { store } = await open({})
    await put(store, [testEvent()])
    await store.close()
    execFileSync('mount', ['-o', 'remount,ro', disk])
    await expect(open({})).rejects.toMatchObject({
      code: 'STORE_WRITE_FAILED',
      message: expect.stringContaining(`cannot write into ${disk}: EROFS`),
    })
  })
})

async function open(options: Partial<LogStoreOptions>) {
  const board = noticeBoard()
  const store = await openLogStore({ ...options, folder: disk, notify: board.notify, nowMs: () => nowMs })
  return { board, store }
}

async function reopened(store: { close(): Promise<void> }, options: Partial<LogStoreOptions> = {}) {
  await store.close()
  // Opening takes a lock file and, for a new segment, a manifest.
  leaveFree(32)
  return open(options)
}

async function storedAfterReopening(options: Partial<LogStoreOptions>, store: { close(): Promise<void> }) {
  const { store: again } = await reopened(store, options)
  const found = await ids(again)
  await again.close()
  return found
}

async function ids(store: Parameters<typeof idsFound>[0]): Promise<string[]> {
  return [...(await idsFound(store, [{}]))].toSorted()
}

function idsOf(events: readonly NostrEvent[]): string[] {
  return events.map(({ id }) => id).toSorted()
}

const BALLAST = 'ballast'

/** Fills the disk up to so many KiB. */
function leaveFree(kib: number): void {
  const path = join(disk, BALLAST)
  writeFileSync(path, '')
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - kib * KIB)))
}

function makeRoom(): void {
  truncateSync(join(disk, BALLAST), 0)
}

function mount(folder: string): string {
  const path = join(folder, 'disk')
  mkdirSync(path)
  if (canMount) execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_KIB}k`, 'tmpfs', path])
  return path
}

function unmount(path: string): void {
  if (canMount) execFileSync('umount', ['--lazy', path])
}

function tryMount(): boolean {
  const folder = temporaryFolder()
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder])
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true })
  }
}
