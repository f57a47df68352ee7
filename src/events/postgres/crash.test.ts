import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { NostrEvent } from '../../nostr/index.ts'
import type { PutOutcome } from '../store.ts'
import { bytesOf, idsFound, NOW_SECONDS, put, testEvent } from '../testing/index.ts'
import { openPostgresStore, type PostgresStore } from './index.ts'
import {
  dropSchema,
  freshSchema,
  noServerBecause,
  type PostgresServer,
  startCuttingProxy,
  startPostgres,
} from './testing/index.ts'

const CHILD = fileURLToPath(new URL('./testing/put-forever.ts', import.meta.url))

describe.skipIf(noServerBecause !== undefined)('when something is killed', () => {
  let server: PostgresServer
  let schema: string
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.stop())
  beforeEach(() => {
    schema = freshSchema()
  })

  const open = (url = server.url) => openPostgresStore({ url, schema, maxReaders: 3 })
  const done = async (...stores: readonly PostgresStore[]) => {
    for (const store of stores) await store.close()
    await dropSchema(server.url, schema)
  }

  test('a process that is killed while it stores loses nothing that it acknowledged', async () => {
    const store = await open()
    for (let round = 0; round < 5; round++) {
      const acknowledged = await killAfter(10 + round * 13, [server.url, schema, `round ${round}`])
      expect(acknowledged.length).toBeGreaterThan(0)
      const found = new Set(await idsFound(store, [{}]))
      expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
      expect(await put(store, [testEvent({ content: `after round ${round}` })])).toEqual(['stored'])
    }
    expect(store.stats().events).toBe(await store.count([{}], NOW_SECONDS))
    await done(store)
  }, 60_000)

  test('a server that is killed while it stores loses nothing that was acknowledged', async () => {
    const stores = [await open(), await open()]
    const answers: Answer[] = []
    let isWriting = true
    const writing = Promise.all(
      stores.map(async (store, writer) => {
        for (let n = 0; isWriting; n++) answers.push(await answerOf(store, `${writer} ${n}`))
      }),
    )
    for (let round = 1; round <= 3; round++) {
      await until(() => answers.length > round * 40)
      await server.kill()
      await server.start()
    }
    const before = answers.length
    await until(() => answers.length > before + 10)
    isWriting = false
    await writing
    // Each event was put once: `duplicate` would say that a group was stored and then not known to be.
    expect(new Set(answers.map(({ outcome }) => outcome.status))).toEqual(new Set(['stored']))
    const found = await idsFound(stores[0]!, [{}])
    expect(new Set(found)).toEqual(new Set(answers.map(({ event }) => event.id)))
    await done(...stores)
  }, 60_000)

  for (const where of ['before the commit arrives', 'before its answer arrives'] as const) {
    test(`a connection that breaks ${where} leaves each event stored once`, async () => {
      const proxy = await startCuttingProxy(server.socketPath)
      const store = await open(proxy.url)
      for (let round = 1; round <= 5; round++) {
        proxy.cutNext(where)
        const replaced = testEvent({ kind: 10_002, created_at: NOW_SECONDS + round })
        const note = testEvent({ content: `${round}` })
        expect(await put(store, [replaced, note, note])).toEqual(['stored', 'stored', 'duplicate'])
        expect(proxy.cuts).toBe(round * 2 - 1)
        proxy.cutNext(where)
        expect(await store.remove([note.id, testEvent({ content: 'unknown' }).id])).toBe(1)
        expect(proxy.cuts).toBe(round * 2)
        expect(await idsFound(store, [{}])).toEqual([replaced.id])
        expect(store.stats()).toMatchObject({ events: 1, lastSeq: round * 2 })
      }
      await done(store)
      proxy.close()
    })
  }

  test('an event is refused while the server is away, and is stored when it is back', async () => {
    const [store, note] = [await open(), testEvent()]
    await server.kill()
    const putting = put(store, [note])
    await expect(store.count([{}], NOW_SECONDS)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await putting).toEqual(['failed'])
    await server.start()
    expect(await idsFound(store, [{}])).toEqual([])
    expect(await put(store, [note])).toEqual(['stored'])
    await done(store)
  }, 40_000)

  test('a store cannot be opened where no server is', async () => {
    const url = 'postgres://nobody@127.0.0.1:1/nothing'
    await expect(openPostgresStore({ url })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })
})

// Say it aloud: a suite that is skipped in silence looks like one that passed.
if (noServerBecause !== undefined)
  console.warn(`SKIPPED: the event store in PostgreSQL, since ${noServerBecause}`)

interface Answer {
  readonly event: NostrEvent
  readonly outcome: PutOutcome
}

async function answerOf(store: PostgresStore, content: string): Promise<Answer> {
  const event = testEvent({ content })
  const [outcome] = await store.put([bytesOf(event)], NOW_SECONDS)
  return { event, outcome: outcome! }
}

/** Starts the child, kills it after so many answers; the ids that it said were stored. */
async function killAfter(answers: number, parameters: readonly string[]): Promise<readonly string[]> {
  const child = spawn(process.execPath, [CHILD, ...parameters], { stdio: ['ignore', 'pipe', 'inherit'] })
  const acknowledged: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    const [status, id] = line.split(' ')
    if (status === 'stored' && id?.length === 64) acknowledged.push(id)
    if (acknowledged.length === answers) child.kill('SIGKILL')
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  return acknowledged
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 10))
}
