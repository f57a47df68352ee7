import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { alice, bob, drain, idIn, idsFound, NOW_SECONDS, put, testEvent } from '../testing/index.ts'
import { type LogStore, type LogStoreOptions, openLogStore } from './log-store.ts'
import { RECORD_HEADER_BYTES, scanRecords } from './record.ts'
import { SEGMENT_HEADER_BYTES } from './segment-file.ts'
import { noticeBoard, temporaryFolder } from './testing.ts'
import { verifyLogStore } from './verify-store.ts'

/** One segment is never full in these tests, or each is after a few events. */
const ONE: Partial<LogStoreOptions> = { segmentBytes: 64 * 1024, maintenance: 'inline' }
const MANY: Partial<LogStoreOptions> = {
  segmentBytes: 2_048,
  maintenance: 'inline',
  compaction: { joinCount: 1_000, minRemovedShare: 2 },
}

let root: string
/** What the tests of a group start from; each works on a copy. */
let original: string
let copies = 0

beforeEach(() => {
  root = temporaryFolder()
  original = join(root, 'original')
})

afterEach(() => rmSync(root, { recursive: true }))

const notes = Array.from({ length: 5 }, (_, n) =>
  testEvent({ content: `note ${n}`, created_at: NOW_SECONDS + n, tags: [['t', `topic ${n}`]] }),
)
const [relays, newRelays] = ['one', 'two'].map((content, n) =>
  testEvent({ kind: 10_002, content, created_at: NOW_SECONDS + n, pubkey: bob }),
)

describe('a write that a crash cut short', () => {
  test('is cut off whatever is left of it, and nothing else is lost', async () => {
    // The last record holds an event and the removal of the one that it replaces.
    await fill(ONE, [...notes, relays!], [newRelays!])
    const file = '000001.log'
    const { start, end } = recordsIn(join(original, file)).at(-1)!
    for (let length = start; length < end; length++) {
      const { folder, store, board } = await openCopy(ONE, (copy) => truncateSync(join(copy, file), length))
      expect(await ids(store), `${length} bytes`).toEqual(idsOf([...notes, relays!]))
      const cut = board.named('store.torn_tail_cut').map(({ facts }) => facts)
      const expected = { file: join(folder, file), bytes: length - start }
      expect(cut).toEqual(length === start ? [] : [expect.objectContaining(expected)])
      // It goes on exactly there.
      expect(await put(store, [newRelays!])).toEqual(['stored'])
      await store.close()
      expect(readFileSync(join(folder, file)).equals(readFileSync(join(original, file)))).toBe(true)
      rmSync(folder, { recursive: true })
    }
  })

  test('may have taken the file with its header, or all of it', async () => {
    await fill(ONE, [])
    for (let length = 0; length < SEGMENT_HEADER_BYTES; length++) {
      const { folder, store } = await openCopy(ONE, (copy) => truncateSync(join(copy, '000001.log'), length))
      expect(await put(store, notes)).toEqual(notes.map(() => 'stored'))
      await store.close()
      const again = await openStore(folder, ONE)
      expect(await ids(again.store)).toEqual(idsOf(notes))
      expect(again.board.warnings()).toEqual([])
      await again.store.close()
    }
  })
})

describe('a changed byte', () => {
  test('in the segment being written costs one event, and the message says where', async () => {
    await fill(ONE, notes)
    const file = '000001.log'
    const { start, end } = recordsIn(join(original, file))[1]!
    for (let at = start; at < end; at++) {
      const { folder, store, board } = await openCopy(ONE, (copy) => flip(join(copy, file), at))
      expect(await ids(store), `byte ${at}`).toEqual(idsOf(notes.toSpliced(1, 1)))
      const facts = { file: join(folder, file), fromByte: start, toByte: end }
      expect(board.named('store.damage_skipped').map((notice) => notice.facts)).toEqual([
        expect.objectContaining(facts),
      ])
      expect(await put(store, [notes[1]!, newRelays!])).toEqual(['stored', 'stored'])
      await store.close()
      rmSync(folder, { recursive: true })
    }
  })

  test('in the header of a segment costs no event', async () => {
    await fill(MANY, many)
    for (const file of segments()) {
      for (let at = 0; at < SEGMENT_HEADER_BYTES; at += 3) {
        const { folder, store } = await openCopy(MANY, (copy) => flip(join(copy, file), at))
        expect(await ids(store), `${file}, byte ${at}`).toEqual(idsOf(many))
        await store.close()
        rmSync(folder, { recursive: true })
      }
    }
  })

  test.each(['hot', 'cold'] as const)(
    'in a sealed segment with a %s index costs one event, whatever finds the others; the index is repaired',
    async (temperature) => {
      const options = temperature === 'hot' ? MANY : { ...MANY, indexBytes: 0, cacheBytes: 0 }
      await fill(options, many)
      const file = segments()[1]!
      const records = recordsIn(join(original, file))
      const { start, end } = records[1]!
      const lost = eventAt(join(original, file), 1)
      const left = many.filter(({ id }) => id !== lost.id)
      const ends = [
        0,
        4,
        8,
        9,
        11,
        16,
        18,
        RECORD_HEADER_BYTES,
        RECORD_HEADER_BYTES + 7,
        RECORD_HEADER_BYTES + 90,
      ]
      for (const at of [
        ...ends.map((offset) => start + offset),
        start + 200,
        start + 240,
        end - 140,
        end - 1,
      ]) {
        const { folder, store, board } = await openCopy(options, (copy) => flip(join(copy, file), at))
        expect(await ids(store), `byte ${at}`).toEqual(idsOf(left))
        await expectToFind(store, left)
        const facts = { file: join(folder, file), fromByte: start, toByte: end }
        expect(board.named('store.damage_skipped')[0]?.facts).toMatchObject(facts)
        await store.settled()
        await expectToFind(store, left)
        // Known damage is not told again, and the event may come back.
        expect(await put(store, [lost])).toEqual(['stored'])
        await store.close()
        const again = await openStore(folder, options)
        expect(await ids(again.store)).toEqual(idsOf(many))
        await expectToFind(again.store, many)
        expect(again.board.named('store.damage_skipped')).toEqual([])
        await again.store.close()
        rmSync(folder, { recursive: true })
      }
    },
  )

  test('in a sealed segment is never sent, in which slice of a query or by which look-up it ever is met', async () => {
    await fill(MANY, many)
    const file = segments()[1]!
    const lost = eventAt(join(original, file), 1)
    const { start, end } = recordsIn(join(original, file))[1]!
    const { pubkey, kind, id } = lost
    const filters = [
      {},
      { ids: [id] },
      { authors: [pubkey] },
      { kinds: [kind] },
      { authors: [pubkey], kinds: [kind] },
    ]
    for (const filter of filters) {
      const { store } = await openCopy(MANY, (copy) => flip(join(copy, file), Math.floor((start + end) / 2)))
      const texts = await drain(store.query([filter], NOW_SECONDS), [1, 3])
      const sent = new Set(texts.map(idIn))
      expect(texts.every((text) => many.some((event) => JSON.stringify(event) === text))).toBe(true)
      expect(sent.has(id)).toBe(false)
      expect(store.has(id)).toBe(false)
      await store.close()
    }
  })
})

describe('an index file', () => {
  const harm: readonly (readonly [string, (path: string) => void])[] = [
    ['is missing', (path) => rmSync(path)],
    ['is empty', (path) => truncateSync(path, 0)],
    ['is cut in half', (path) => truncateSync(path, statSync(path).size / 2)],
    ['is garbage', (path) => writeFileSync(path, Buffer.alloc(500, 'garbage'))],
    [
      'is of an older format',
      (path) => writeFileSync(path, `STOAIDX1${readFileSync(path, 'latin1').slice(8)}`, 'latin1'),
    ],
    ['has a changed byte', (path) => flip(path, statSync(path).size - 40)],
  ]
  for (const temperature of ['hot', 'cold'] as const) {
    test.each(harm)(`that %s is built anew from the records (${temperature})`, async (_, hurt) => {
      const options = temperature === 'hot' ? MANY : { ...MANY, indexBytes: 0, cacheBytes: 0 }
      await fill(options, many)
      const file = segments()[1]!.replace('.log', '.idx')
      const { folder, store, board } = await openCopy(options, (copy) => hurt(join(copy, file)))
      expect(board.named('store.index_rebuilt').map(({ facts }) => facts.file)).toEqual([join(folder, file)])
      expect(await ids(store)).toEqual(idsOf(many))
      await expectToFind(store, many)
      await store.close()
      const again = await openStore(folder, options)
      expect(again.board.warnings()).toEqual([])
      expect(await ids(again.store)).toEqual(idsOf(many))
      await again.store.close()
    })
  }

  test('that belongs to a longer segment is built anew, and what is missing is told', async () => {
    await fill(MANY, many)
    const file = segments()[1]!
    const { start } = recordsIn(join(original, file)).at(-1)!
    const lost = eventAt(join(original, file), -1)
    const { folder, store, board } = await openCopy(MANY, (copy) =>
      truncateSync(join(copy, file), start + 10),
    )
    expect(await ids(store)).toEqual(idsOf(many.filter(({ id }) => id !== lost.id)))
    expect(board.named('store.index_rebuilt')).toHaveLength(1)
    expect(board.named('store.damage_skipped')[0]?.facts).toMatchObject({
      fromByte: start,
      toByte: start + 10,
    })
    expect(verifyLogStoreAfterClosing(folder, await closed(store))).toMatchObject({ isSound: false })
  })
})

describe('what was removed', () => {
  test('stays away without the files that remember it, and with damaged ones', async () => {
    await fill(MANY, many, [newRelays!])
    const { store: first } = await openStore(original, MANY)
    expect(await first.remove([many[0]!.id, many[3]!.id])).toBe(2)
    await first.close()
    const left = idsOf([...many.filter((_, n) => n !== 0 && n !== 3 && many[n] !== relays), newRelays!])
    const remembering = readdirSync(original).filter((name) => name.endsWith('.gone'))
    expect(remembering.length).toBeGreaterThan(0)
    for (const hurt of [rmSync, (path: string) => truncateSync(path, 3), (path: string) => flip(path, 13)]) {
      const { store } = await openCopy(MANY, (copy) => {
        for (const name of remembering) hurt(join(copy, name))
      })
      expect(await ids(store)).toEqual(left)
      await store.close()
    }
  })

  test('by an operator right after a segment was sealed stays away after a crash', async () => {
    const { store } = await openStore(original, MANY)
    await put(store, many)
    await store.settled()
    // A first removal makes files that remember; the next ones bear the same sequence number as that.
    await store.remove([many[0]!.id])
    await put(store, [testEvent({ content: 'x'.repeat(2_000) })])
    await store.settled()
    const victims = [many[1]!.id, many[2]!.id]
    expect(await store.remove(victims)).toBe(2)
    const { store: crashed } = await openCopy(MANY)
    expect(victims.filter((id) => crashed.has(id))).toEqual([])
    await crashed.close()
    await store.close()
  })

  test('is not confused with others when an index counts otherwise than the file that remembers', async () => {
    await fill(MANY, many)
    const { store } = await openStore(original, MANY)
    await store.remove([many[4]!.id])
    await store.close()
    const gone = readdirSync(original).find((name) => name.endsWith('.gone'))!
    const file = gone.replace('.gone', '.log')
    const lost = recordsIn(join(original, file)).findIndex(
      (_, n) => eventAt(join(original, file), n).id !== many[4]!.id,
    )
    const lostEvent = eventAt(join(original, file), lost)
    const { store: damaged } = await openCopy(MANY, (copy) => {
      flip(join(copy, file), recordsIn(join(copy, file))[lost]!.start)
      rmSync(join(copy, gone.replace('.gone', '.idx')))
    })
    expect(await ids(damaged)).toEqual(
      idsOf(many.filter(({ id }) => id !== many[4]!.id && id !== lostEvent.id)),
    )
    await damaged.close()
  })
})

describe('leftovers of a crash are cleared away', () => {
  test.each(['000099.log', '000099.idx', '000002.idx.tmp', '000002.gone.tmp', '000099.gone'])(
    '%s',
    async (name) => {
      await fill(MANY, many)
      const { folder, store, board } = await openCopy(MANY, (copy) => writeFileSync(join(copy, name), 'half'))
      expect(board.named('store.leftover_removed').map(({ facts }) => facts.file)).toEqual([name])
      expect(readdirSync(folder)).not.toContain(name)
      expect(await ids(store)).toEqual(idsOf(many))
      await store.close()
    },
  )

  test('an index that was written, but not yet noted, is written again', async () => {
    await fill(MANY, many)
    const { folder, store } = await openCopy(MANY, (copy) => {
      const path = join(copy, 'manifest.json')
      writeFileSync(path, readFileSync(path, 'utf8').replaceAll('"sealed": true', '"sealed": false'))
    })
    expect(await ids(store)).toEqual(idsOf(many))
    await store.settled()
    expect(await ids(store)).toEqual(idsOf(many))
    await store.close()
    expect(readFileSync(join(folder, 'manifest.json'), 'utf8').match(/"sealed": false/g)).toHaveLength(1)
  })
})

describe('what cannot be opened is refused in clear words, and not locked', () => {
  test('a store whose segment is missing', async () => {
    await fill(MANY, many)
    for (const name of segments()) {
      rmSync(join(original, name))
      await expectRefusal('STORE_DAMAGED', `${join(original, name)} is missing`)
      writeFileSync(join(original, name), '')
    }
  })

  test('a store without its manifest', async () => {
    await fill(MANY, many)
    const before = readdirSync(original)
    rmSync(join(original, 'manifest.json'))
    await expectRefusal('STORE_DAMAGED', 'manifest.json is missing')
    expect(readdirSync(original)).toEqual(before.filter((name) => name !== 'manifest.json'))
  })

  test('a segment that is something else', async () => {
    await fill(ONE, notes)
    writeFileSync(join(original, '000001.log'), 'a letter to my mother, not a segment of anything')
    await expectRefusal('STORE_DAMAGED', 'is not a segment')
  })

  test('a folder that is a file', async () => {
    writeFileSync(original, '')
    await expect(openLogStore({ folder: join(original, 'x') })).rejects.toMatchObject({
      code: 'STORE_WRITE_FAILED',
    })
  })
})

test('the doctor finds nothing in a sound store, and names file and bytes in one that is not', async () => {
  await fill(MANY, many)
  expect(verifyLogStore(original)).toMatchObject({ isSound: true })
  const file = join(original, segments()[1]!)
  const { start, end } = recordsIn(file)[1]!
  flip(file, start + 50)
  flip(file.replace('.log', '.idx'), statSync(file.replace('.log', '.idx')).size - 40)
  const { isSound, lines } = verifyLogStore(original)
  expect(isSound).toBe(false)
  expect(lines).toContain(`${file}: bytes ${start} to ${end} are no readable record.`)
  expect(lines.join('\n')).toContain(`${file.replace('.log', '.idx')}: `)
})

/** Enough for half a dozen small segments; everything can be found by something that others share. */
const many: readonly NostrEvent[] = [
  ...notes,
  relays!,
  ...Array.from({ length: 14 }, (_, n) =>
    testEvent({
      kind: [1, 7, 30_023][n % 3]!,
      pubkey: [alice, bob][n % 2]!,
      content: `more ${n}`,
      created_at: NOW_SECONDS - n,
      tags: [
        ['t', `topic ${n % 3}`],
        ['d', String(n)],
      ],
    }),
  ),
]

async function fill(options: Partial<LogStoreOptions>, ...batches: readonly (readonly NostrEvent[])[]) {
  const { store } = await openStore(original, options)
  for (const batch of batches) expect(await put(store, batch)).toEqual(batch.map(() => 'stored'))
  await store.settled()
  await store.close()
}

async function openStore(folder: string, options: Partial<LogStoreOptions>) {
  const board = noticeBoard()
  return { folder, board, store: await openLogStore({ ...options, folder, notify: board.notify }) }
}

/** Opens a copy of the original, as it is at this moment on disk, after something was done to it. */
function openCopy(options: Partial<LogStoreOptions>, change: (folder: string) => void = () => {}) {
  const folder = join(root, `copy${++copies}`)
  mkdirSync(folder)
  for (const name of readdirSync(original)) {
    if (name !== 'lock') copyFileSync(join(original, name), join(folder, name))
  }
  change(folder)
  return openStore(folder, options)
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at]! ^= 0x04
  writeFileSync(path, bytes)
}

function segments(): string[] {
  return readdirSync(original)
    .filter((name) => name.endsWith('.log'))
    .toSorted()
}

function recordsIn(path: string): { start: number; end: number; json: string }[] {
  const bytes = readFileSync(path)
  const records: { start: number; end: number; json: string }[] = []
  scanRecords(bytes, SEGMENT_HEADER_BYTES, bytes.length, ({ start, end, jsonStart }) => {
    records.push({ start, end, json: bytes.toString('utf8', jsonStart, end) })
  })
  return records
}

function eventAt(path: string, index: number): NostrEvent {
  return JSON.parse(recordsIn(path).at(index)!.json)
}

async function ids(store: LogStore): Promise<string[]> {
  return [...(await idsFound(store, [{}]))].toSorted()
}

function idsOf(events: readonly NostrEvent[]): string[] {
  return events.map(({ id }) => id).toSorted()
}

/** By id, author, kind and tag: exactly these. */
async function expectToFind(store: LogStore, events: readonly NostrEvent[]): Promise<void> {
  expect(events.filter(({ id }) => !store.has(id))).toEqual([])
  for (const author of [alice, bob]) {
    const own = idsOf(events.filter(({ pubkey }) => pubkey === author))
    expect([...(await idsFound(store, [{ authors: [author] }]))].toSorted()).toEqual(own)
  }
  for (const kind of [1, 7, 30_023]) {
    const own = idsOf(events.filter((event) => event.kind === kind))
    expect([...(await idsFound(store, [{ kinds: [kind] }]))].toSorted()).toEqual(own)
  }
  for (const topic of ['topic 0', 'topic 1', 'topic 2']) {
    const own = idsOf(events.filter(({ tags }) => tags[0]?.[1] === topic))
    expect([...(await idsFound(store, [{ tags: [{ name: 't', values: [topic] }] }]))].toSorted()).toEqual(own)
  }
}

async function expectRefusal(code: string, words: string): Promise<void> {
  const refusal = expect.objectContaining({ code, message: expect.stringContaining(words) })
  await expect(openLogStore({ folder: original })).rejects.toEqual(refusal)
  expect(readdirSync(original)).not.toContain('lock')
}

async function closed(store: LogStore): Promise<'closed'> {
  await store.close()
  return 'closed'
}

function verifyLogStoreAfterClosing(folder: string, _: 'closed') {
  return verifyLogStore(folder)
}
