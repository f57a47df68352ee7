import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Filter, NostrEvent } from '../../../nostr/index.ts'
import { createMemoryStore } from '../../memory/index.ts'
import type { EventStore } from '../../store.ts'
import { alice, bob, bytesOf, carol, idsFound, NOW_SECONDS, testEvent } from '../../testing/index.ts'
import { type LogStore, type LogStoreOptions, openLogStore } from '../log-store.ts'
import { noticeBoard, temporaryFolder } from '../testing.ts'

/**
 * Enough events in a segment that searches go by the lists of words, which they do not for a few: random streams of
 * operations (`engines.property.test.ts`) test everything else.
 */
const EVENTS = 1_200
const SEGMENT_BYTES = 140 * 1024

/** A sequence of numbers that looks random and is the same every time (a linear congruence). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const vocabulary = [
  'the',
  'bitcoin',
  'orange',
  'pill',
  'café',
  'nostr',
  'zap',
  '東京',
  '京都タワー',
  '🍊',
  'fiat',
  'node',
]

/** Looks like spam by itself. */
const ADVERT = ' airdrop https://t.me/x'

function makeEvents(seed: number): readonly NostrEvent[] {
  const next = numbers(seed)
  // The first words are common, the last ones rare.
  const word = () => vocabulary[Math.floor(next(vocabulary.length) * (next(1_000) / 1_000))]!
  return Array.from({ length: EVENTS }, (_, n) => {
    const content = Array.from({ length: 1 + next(9) }, word).join(next(5) === 0 ? '' : ' ')
    const kind = [1, 1, 1, 30023, 7, 1059][next(6)]!
    const tags = [['d', `${n}`], ...(next(4) === 0 ? [['title', word()]] : []), ['t', `${n % 7}`]]
    return testEvent({
      kind,
      content: `${content} ${n}${n % 6 === 0 ? ADVERT : ''}`,
      tags,
      pubkey: [alice, bob, carol][next(3)]!,
      created_at: NOW_SECONDS - next(500),
    })
  })
}

function makeFilters(seed: number, count: number): readonly Filter[] {
  const next = numbers(seed)
  return Array.from({ length: count }, () => {
    const search = Array.from({ length: 1 + next(3) }, () => vocabulary[next(vocabulary.length)]!).join(' ')
    return {
      search: next(6) === 0 ? `${search} include:spam` : search,
      ...(next(2) === 0 && { spamFrom: 60 }),
      ...(next(2) === 0 && { limit: 1 + next(60) }),
      ...(next(4) === 0 && { authors: [bob] }),
      ...(next(4) === 0 && { kinds: [30023] }),
      ...(next(4) === 0 && { since: NOW_SECONDS - next(500) }),
      ...(next(5) === 0 && { tags: [{ name: 't', values: ['3', '4'] }] }),
    }
  })
}

const filters = makeFilters(7, 40)

async function expectSameAnswers(oracle: EventStore, store: EventStore, filters: readonly Filter[]) {
  for (const filter of filters) {
    const expected = await idsFound(oracle, [filter])
    expect(await idsFound(store, [filter]), JSON.stringify(filter)).toEqual(expected)
  }
}

async function fill(store: EventStore, events: readonly NostrEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += 100)
    await store.put(events.slice(from, from + 100).map(bytesOf), NOW_SECONDS)
}

const events = makeEvents(1)

async function withStores(
  options: Omit<LogStoreOptions, 'folder'>,
  work: (bench: {
    readonly oracle: EventStore
    readonly folder: string
    readonly open: () => Promise<LogStore>
  }) => Promise<void>,
): Promise<void> {
  const folder = temporaryFolder()
  const opened: LogStore[] = []
  const oracle = createMemoryStore()
  const open = async () => {
    const store = await openLogStore({ folder, segmentBytes: SEGMENT_BYTES, ...options })
    opened.push(store)
    return store
  }
  try {
    await fill(oracle, events)
    await work({ oracle, folder, open })
  } finally {
    for (const store of opened) await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

const wordFiles = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.words'))
const sealedCount = (folder: string) => readdirSync(folder).filter((name) => name.endsWith('.idx')).length

const ways: Readonly<Record<string, Omit<LogStoreOptions, 'folder'>>> = {
  'a segment being written': { segmentBytes: 8 * 1024 * 1024 },
  'sealed segments': { maintenance: 'inline' },
  'sealed segments whose pages are read from disk': { maintenance: 'inline', indexBytes: 0, cacheBytes: 0 },
  'segments that a worker seals meanwhile': { maintenance: 'worker' },
  'segments without words': { maintenance: 'inline', search: false },
}

describe('a search of the log finds what memory finds, in the same order', () => {
  for (const [way, options] of Object.entries(ways)) {
    test(`in ${way}`, async () => {
      await withStores(options, async ({ oracle, open }) => {
        const store = await open()
        await fill(store, events)
        await expectSameAnswers(oracle, store, filters)
        const victims = events.filter((_, n) => n % 5 === 0).map(({ id }) => id)
        for (const engine of [oracle, store]) await engine.remove(victims)
        await store.settled()
        await expectSameAnswers(oracle, store, filters.slice(0, 20))
        const more = makeEvents(2).slice(0, 300)
        for (const engine of [oracle, store]) await fill(engine, more)
        await expectSameAnswers(oracle, store, filters.slice(20))
      })
    }, 60_000)
  }

  test('after it was opened again', async () => {
    await withStores({ maintenance: 'inline' }, async ({ oracle, open, folder }) => {
      const store = await open()
      await fill(store, events)
      await store.settled()
      await store.close()
      const written = wordFiles(folder).map((name) => statSync(join(folder, name)).ino)
      const again = await open()
      await expectSameAnswers(oracle, again, filters)
      await again.settled()
      // The files were used as they were.
      expect(wordFiles(folder).map((name) => statSync(join(folder, name)).ino)).toEqual(written)
    })
  }, 60_000)
})

describe('the file of words', () => {
  test('is there for every sealed segment, and goes with it', async () => {
    await withStores({ maintenance: 'inline' }, async ({ open, folder }) => {
      const store = await open()
      await fill(store, events)
      await store.settled()
      expect(sealedCount(folder)).toBeGreaterThan(1)
      expect(wordFiles(folder)).toHaveLength(sealedCount(folder))
      await store.remove(events.map(({ id }) => id))
      await store.settled()
      await store.close()
      expect(wordFiles(folder)).toHaveLength(sealedCount(folder))
    })
  }, 60_000)

  test('is built for the segments of a store that kept none so far, and not where none is wanted', async () => {
    await withStores({ maintenance: 'inline', search: false }, async ({ oracle, open, folder }) => {
      const store = await open()
      await fill(store, events)
      await store.settled()
      await store.close()
      expect(wordFiles(folder)).toEqual([])
      const again = await openLogStore({ folder, segmentBytes: SEGMENT_BYTES, maintenance: 'inline' })
      await again.settled()
      expect(wordFiles(folder)).toHaveLength(sealedCount(folder))
      await expectSameAnswers(oracle, again, filters.slice(0, 20))
      await again.close()
    })
  }, 60_000)

  test('is built anew when it is missing or damaged, and searches are right all the while', async () => {
    const board = noticeBoard()
    await withStores({ maintenance: 'inline', notify: board.notify }, async ({ oracle, open, folder }) => {
      const store = await open()
      await fill(store, events)
      await store.settled()
      await store.close()
      const [first, second] = wordFiles(folder).map((name) => join(folder, name))
      const sound = readFileSync(second!)
      rmSync(first!)
      // Everything behind the head.
      writeFileSync(second!, Buffer.from(sound).fill(0x55, 16 * 1024))
      const again = await open()
      await expectSameAnswers(oracle, again, filters)
      await again.settled()
      await expectSameAnswers(oracle, again, filters)
      expect(readFileSync(second!).equals(sound)).toBe(true)
      expect(wordFiles(folder)).toHaveLength(sealedCount(folder))
      expect(board.named('store.index_rebuilt')).toHaveLength(1)
    })
  }, 60_000)
})

test('a search in slices gives others their turn, and finds the same while the log changes under it', async () => {
  await withStores({ maintenance: 'inline' }, async ({ oracle, open }) => {
    const store = await open()
    await fill(store, events)
    const cursor = store.query([{ search: 'the' }], NOW_SECONDS)
    const expected = await idsFound(oracle, [{ search: 'the' }])
    const found: string[] = []
    let emptyPages = 0
    for (let turn = 0; ; turn++) {
      const page = cursor.next(50)
      for (let index = 0; index < page.count; index++)
        found.push((JSON.parse(page.viewAt(index).toString()) as NostrEvent).id)
      if (page.done) break
      if (page.count === 0) emptyPages++
      if (turn < 40)
        await store.put(
          [bytesOf(testEvent({ content: `the ${turn}`, created_at: NOW_SECONDS + 1 }))],
          NOW_SECONDS,
        )
      if (turn === 3) await store.settled()
    }
    expect(found).toEqual(expected)
    expect(emptyPages).toBeGreaterThan(3)
  })
}, 60_000)
