import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { bytesOf, idsFound, NOW_SECONDS, put, testEvent } from '../testing/index.ts'
import { type LogStore, type LogStoreOptions, openLogStore } from './log-store.ts'
import { noticeBoard, temporaryFolder } from './testing.ts'

const NEVER_COMPACT = { joinCount: 10_000, minRemovedShare: 2 }

let folder: string
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => rmSync(folder, { recursive: true }))

const notes = Array.from({ length: 60 }, (_, n) => testEvent({ content: `note ${n} ${'x'.repeat(200)}` }))

test('a store that is closed while a thread seals waits for it, and loses nothing', async () => {
  for (let round = 0; round < 3; round++) {
    const { store, board } = await open({ segmentBytes: 4_000, maintenance: 'worker' })
    await put(store, notes.slice(round * 20, round * 20 + 20))
    await store.close()
    expect(board.warnings()).toEqual([])
    expect(() => store.has(notes[0]!.id)).toThrow(expect.objectContaining({ code: 'STORE_CLOSED' }))
  }
  const { store } = await open({ segmentBytes: 4_000 })
  expect(await ids(store)).toEqual(idsOf(notes))
  await store.close()
})

test.each(['inline', 'worker'] as const)(
  'maintenance that fails is told, tried again later, and stops nobody else (%s)',
  async (maintenance) => {
    const { store, board } = await open({ segmentBytes: 64 * 1024, maintenance })
    await put(store, notes.slice(0, 30))
    // A segment that cannot be read at the moment, as on a network drive that is away.
    const [away, back] = [join(folder, 'away'), join(folder, '000001.log')]
    renameSync(back, away)
    const big = testEvent({ content: 'x'.repeat(60_000) })
    expect(await put(store, [big, ...notes.slice(30)])).not.toContain('failed')
    await vi.waitFor(() => expect(board.named('store.maintenance_failed')).not.toEqual([]), 30_000)
    expect(board.named('store.maintenance_failed')[0]?.facts).toMatchObject({
      reason: expect.stringContaining('ENOENT'),
      retryInMs: 1_000,
    })
    expect(await ids(store)).toEqual(idsOf([...notes, big]))
    renameSync(away, back)
    await vi.waitFor(() => expect(board.named('store.segment_sealed')).not.toEqual([]), 30_000)
    await store.close()
    const { store: again, board: quiet } = await open({})
    expect(await ids(again)).toEqual(idsOf([...notes, big]))
    expect(quiet.warnings()).toEqual([])
    await again.close()
  },
)

test('a store that is closed while it waits to try again does not try again', async () => {
  const { store, board } = await open({ segmentBytes: 8_000, maintenance: 'inline' })
  await put(store, notes.slice(0, 10))
  renameSync(join(folder, '000001.log'), join(folder, 'away'))
  await put(store, notes.slice(10))
  await vi.waitFor(() => expect(board.named('store.maintenance_failed')).not.toEqual([]), 30_000)
  await store.close()
  const told = board.notices.length
  await delay(1_200)
  expect(board.notices).toHaveLength(told)
})

test('compaction leaves damage behind, and says so', async () => {
  const { store: writer } = await open({
    segmentBytes: 8_000,
    maintenance: 'inline',
    compaction: NEVER_COMPACT,
  })
  await put(writer, notes)
  await writer.settled()
  await writer.close()
  const victim = notes[1]!
  const path = join(folder, '000001.log')
  const bytes = readFileSync(path)
  bytes[bytes.indexOf(`${victim.content}`) + 3]! ^= 1
  writeFileSync(path, bytes)

  const { store, board } = await open({ segmentBytes: 8_000, maintenance: 'inline' })
  await store.settled()
  // Nobody looked at the page before it was compacted.
  expect(board.named('store.compacted')).not.toEqual([])
  expect(board.named('store.damage_skipped').map(({ facts }) => facts.file)).toContain(path)
  expect(await ids(store)).toEqual(idsOf(notes.filter((note) => note !== victim)))
  await store.close()
})

test('hundreds of segments that wait to be sealed are sealed one after the other', async () => {
  const { store: writer } = await open({
    segmentBytes: 1_200,
    maintenance: 'inline',
    compaction: NEVER_COMPACT,
  })
  const many = Array.from({ length: 600 }, (_, n) => testEvent({ content: `${n}` }))
  await writer.put(many.map(bytesOf), NOW_SECONDS)
  await writer.close()
  for (const name of readdirSync(folder)) if (name.endsWith('.idx')) rmSync(join(folder, name))
  const manifest = join(folder, 'manifest.json')
  writeFileSync(manifest, readFileSync(manifest, 'utf8').replaceAll('"sealed": true', '"sealed": false'))
  const { store, board } = await open({
    segmentBytes: 1_200,
    maintenance: 'inline',
    compaction: NEVER_COMPACT,
  })
  await store.settled()
  expect(board.named('store.segment_sealed').length).toBeGreaterThan(150)
  expect(await ids(store)).toEqual(idsOf(many))
  await store.close()
})

async function open(options: Partial<LogStoreOptions>) {
  const board = noticeBoard()
  return { board, store: await openLogStore({ ...options, folder, notify: board.notify }) }
}

async function ids(store: LogStore): Promise<string[]> {
  return [...(await idsFound(store, [{}]))].toSorted()
}

function idsOf(events: readonly NostrEvent[]): string[] {
  return events.map(({ id }) => id).toSorted()
}
