import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import { createMemoryStore } from '../memory/index.ts'
import type { PutOutcome } from '../store.ts'
import {
  alice,
  arbitraryPool,
  bob,
  bytesOf,
  drain,
  idIn,
  idsFound,
  NOW_SECONDS,
  put,
  testEvent,
  textsOn,
} from '../testing/index.ts'
import { openPostgresStore, type PostgresStore } from './index.ts'
import {
  dropSchema,
  freshSchema,
  noDatabaseBecause,
  openTestDatabase,
  type TestDatabase,
} from './testing/index.ts'

describe.skipIf(noDatabaseBecause !== undefined)('two stores on one database', () => {
  let database: TestDatabase
  let schema: string
  let one: PostgresStore
  let other: PostgresStore

  const open = () => openPostgresStore({ url: database.url, schema, maxReaders: 3 })
  const openBoth = async () => {
    schema = freshSchema()
    // At once: whoever comes second waits until the tables are made.
    ;[one, other] = await Promise.all([open(), open()])
  }
  const closeBoth = async () => {
    await Promise.all([one.close(), other.close()])
    await dropSchema(database.url, schema)
  }

  beforeAll(async () => {
    database = await openTestDatabase()
  })
  afterAll(() => database?.stop())
  beforeEach(openBoth)
  afterEach(closeBoth)

  test('what one has stored the other finds, counts and refuses as a duplicate', async () => {
    const note = testEvent()
    expect(await put(one, [note])).toEqual(['stored'])
    expect(await idsFound(other, [{}])).toEqual([note.id])
    expect(await other.has(note.id)).toBe(true)
    expect(await other.count([{ kinds: [1] }], NOW_SECONDS)).toBe(1)
    expect(await put(other, [note])).toEqual(['duplicate'])
    expect(await idsFound(one, [{}])).toEqual([note.id])
  })

  test('an event given to both at once is stored once', async () => {
    const notes = Array.from({ length: 200 }, (_, n) => testEvent({ content: `${n}` }))
    const outcomes = await Promise.all(
      notes.flatMap((note) => [one, other].map(async (store) => (await put(store, [note]))[0])),
    )
    for (let n = 0; n < notes.length; n++) {
      expect(new Set(outcomes.slice(n * 2, n * 2 + 2))).toEqual(new Set(['stored', 'duplicate']))
    }
    expect(await one.count([{}], NOW_SECONDS)).toBe(notes.length)
  })

  test('of versions given to both at once the newest stays', async () => {
    const versions = Array.from({ length: 60 }, (_, n) =>
      testEvent({ kind: 10_002, created_at: NOW_SECONDS + ((n * 37) % 60) }),
    )
    await Promise.all(versions.map((version, n) => put(n % 2 === 0 ? one : other, [version])))
    const newest = versions.find(({ created_at }) => created_at === NOW_SECONDS + 59)
    expect(await idsFound(one, [{}])).toEqual([newest?.id])
    expect(await idsFound(other, [{}])).toEqual([newest?.id])
  })

  test('an event and its deletion given to both at once leave the deletion', async () => {
    const notes = Array.from({ length: 50 }, (_, n) => testEvent({ content: `${n}` }))
    const deletions = notes.map(({ id }) => testEvent({ kind: 5, tags: [['e', id]] }))
    await Promise.all([
      ...notes.map((note) => put(one, [note])),
      ...deletions.map((deletion) => put(other, [deletion])),
    ])
    expect(await one.count([{ kinds: [1] }], NOW_SECONDS)).toBe(0)
    expect(await one.count([{ kinds: [5] }], NOW_SECONDS)).toBe(50)
  })

  test('sequence numbers are given out once, without gaps', async () => {
    const notes = Array.from({ length: 120 }, (_, n) => testEvent({ content: `${n}` }))
    const outcomes = await Promise.all(
      notes.map((note, n) => (n % 2 === 0 ? one : other).put([bytesOf(note)], NOW_SECONDS)),
    )
    const seqs = outcomes.flat().map(seqOf)
    expect(seqs.toSorted((a, b) => a - b)).toEqual(notes.map((_, n) => n + 1))
  })

  test('whatever comes in whatever order, the end is that of the order in which it was stored', async () => {
    const scenario = fc.tuple(arbitraryPool(), fc.infiniteStream(fc.nat({ max: 5 })))
    await fc.assert(
      fc.asyncProperty(scenario, async ([pool, dice]) => {
        await closeBoth()
        await openBoth()
        const batches = split(pool, dice)
        const outcomes = await Promise.all(
          batches.map((batch, n) => (n % 2 === 0 ? one : other).put(batch.map(bytesOf), NOW_SECONDS)),
        )
        await assertSerial(batches, outcomes, one)
      }),
      { numRuns: 40 },
    )
  }, 120_000)

  test('a snapshot holds everything up to its seq and nothing above, while both write', async () => {
    const reader = await open()
    const seqById = new Map<string, number>()
    const write = async (store: PostgresStore, pubkey: string) => {
      for (let n = 0; n < 60; n++) {
        const notes = [0, 1, 2].map((part) => testEvent({ pubkey, content: `${n} ${part}` }))
        const outcomes = await store.put(notes.map(bytesOf), NOW_SECONDS)
        for (const [index, { id }] of notes.entries()) seqById.set(id, seqOf(outcomes[index]!))
      }
    }
    const answers: { readonly snapshotSeq: number; readonly ids: readonly string[] }[] = []
    let isWriting = true
    const read = async () => {
      while (isWriting) {
        const cursor = reader.query([{}], NOW_SECONDS)
        const { snapshotSeq, ...first } = await readPage(cursor.next(7))
        answers.push({
          snapshotSeq,
          ids: first.done ? first.ids : [...first.ids, ...(await drain(cursor, [50])).map(idIn)],
        })
      }
    }
    const reading = read()
    await Promise.all([write(one, alice), write(other, bob)])
    isWriting = false
    await reading
    await reader.close()
    expect(answers.length).toBeGreaterThan(0)
    for (const { snapshotSeq, ids } of answers) {
      const expected = [...seqById].filter(([, seq]) => seq <= snapshotSeq).map(([id]) => id)
      expect(new Set(ids)).toEqual(new Set(expected))
      expect(ids).toHaveLength(expected.length)
    }
  })

  test('a query opened here before an event is stored there finds it, in its snapshot', async () => {
    const cursor = one.query([{}], NOW_SECONDS)
    const note = testEvent()
    const [outcome] = await other.put([bytesOf(note)], NOW_SECONDS)
    const page = await readPage(cursor.next(10))
    expect(page).toEqual({ snapshotSeq: seqOf(outcome!), ids: [note.id], done: true })
  })

  test('what was announced here before a query is opened is part of its answer', async () => {
    const [early, late] = [testEvent({ content: 'early' }), testEvent({ content: 'late' })]
    const [outcome] = await other.put([bytesOf(early)], NOW_SECONDS)
    one.noteAnnounced(seqOf(outcome!))
    expect(one.stats().lastSeq).toBe(seqOf(outcome!))
    const cursor = one.query([{}], NOW_SECONDS)
    await put(one, [late])
    expect(await readPage(cursor.next(10))).toEqual({
      snapshotSeq: seqOf(outcome!),
      ids: [early.id],
      done: true,
    })
  })

  test('what the other has stored and removed is counted after a refresh', async () => {
    const notes = ['a', 'b', 'c'].map((content) => testEvent({ content }))
    await put(other, notes)
    await other.remove([notes[0]!.id])
    await one.refresh()
    expect(one.stats()).toMatchObject({ events: 2, lastSeq: 3 })
  })

  test('expired events are swept once, however many sweep', async () => {
    const notes = Array.from({ length: 30 }, (_, n) =>
      testEvent({ content: `${n}`, tags: [['expiration', `${NOW_SECONDS + 1}`]] }),
    )
    await put(one, notes)
    const swept = await Promise.all([one, other].map((store) => store.sweepExpired(NOW_SECONDS + 1)))
    expect(swept.reduce((sum, count) => sum + count)).toBe(30)
    await one.refresh()
    expect(one.stats().events).toBe(0)
  })
})

// Say it aloud: a suite that is skipped in silence looks like one that passed.
if (noDatabaseBecause !== undefined)
  console.warn(`SKIPPED: the event store in PostgreSQL, since ${noDatabaseBecause}`)

function seqOf(outcome: PutOutcome): number {
  if (outcome.status !== 'stored') throw new Error(`expected stored, got ${outcome.status}`)
  return outcome.seq
}

async function readPage(reading: ReturnType<ReturnType<PostgresStore['query']>['next']>) {
  const page = await reading
  return { snapshotSeq: page.snapshotSeq, ids: textsOn(page).map(idIn), done: page.done }
}

/** Cuts a pool into batches of random length. */
function split(pool: readonly NostrEvent[], dice: Iterator<number>): readonly (readonly NostrEvent[])[] {
  const batches: NostrEvent[][] = [[]]
  for (const event of pool) {
    if (dice.next().value === 0) batches.push([])
    batches.at(-1)!.push(event)
  }
  return batches
}

/**
 * What was stored, put into a memory store in the order of its `seq`, is stored there as well, and leaves the same:
 * so the writers of both processes took turns, and none decided by what was no longer so.
 */
async function assertSerial(
  batches: readonly (readonly NostrEvent[])[],
  outcomes: readonly (readonly PutOutcome[])[],
  store: PostgresStore,
): Promise<void> {
  const stored = batches
    .flatMap((batch, n) => batch.map((event, index) => ({ event, outcome: outcomes[n]![index]! })))
    .flatMap(({ event, outcome }) => (outcome.status === 'stored' ? [{ event, seq: outcome.seq }] : []))
    .toSorted((a, b) => a.seq - b.seq)
  const memory = createMemoryStore()
  for (const { event } of stored) expect(await put(memory, [event])).toEqual(['stored'])
  expect(await idsFound(store, [{}])).toEqual(await idsFound(memory, [{}]))
}
