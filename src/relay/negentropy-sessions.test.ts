import { beforeEach, describe, expect, test } from 'vitest'
import type { EventStore, IdSet } from '../events/index.ts'
import { createMemoryStore } from '../events/memory/index.ts'
import { bytesOf, NOW_SECONDS, testEvent } from '../events/testing/index.ts'
import { NegentropyClient, NegentropyItems, type NostrEvent, negentropySetOf } from '../nostr/index.ts'
import { NegentropySessions } from './negentropy-sessions.ts'

const limits = { maxRecords: 1_000, maxSessions: 2, maxFrameBytes: 4096, idleSeconds: 60 }
const notes = Array.from({ length: 300 }, (_, n) =>
  testEvent({ content: String(n), created_at: NOW_SECONDS - 100 + Math.floor(n / 10) }),
)
/** What a client with no events says first. */
const nothing = Buffer.from('6100000200', 'hex')

/** Connections are names here: the sessions only tell them apart. */
interface Sent {
  readonly to: string
  readonly message: readonly unknown[]
}

let store: EventStore
let sent: Sent[]
let nowMs: number
let sessions: NegentropySessions<string>

const sessionsOn = (on: Pick<EventStore, 'idSet'>, maxTotalBytes?: number) =>
  new NegentropySessions<string>({
    store: on,
    nowMs: () => nowMs,
    limits,
    send: (to, text) => sent.push({ to, message: JSON.parse(text) }),
    ...(maxTotalBytes === undefined ? {} : { maxTotalBytes }),
  })
const put = (events: readonly NostrEvent[]) => store.put(events.map(bytesOf), NOW_SECONDS)
const open = (connection: string, id: string, filter = {}, message: Uint8Array = nothing) =>
  sessions.open(connection, { id, filter, message })
const lastSent = () => sent.at(-1)?.message
const verbs = () => sent.map(({ message }) => message[0])

beforeEach(async () => {
  store = createMemoryStore()
  sent = []
  nowMs = NOW_SECONDS * 1_000
  await put(notes)
  sessions = sessionsOn(store)
})

test('a client learns over several messages what it lacks and what it has', () => {
  const own = testEvent({ content: 'only here' })
  const client = new NegentropyClient(
    new NegentropyItems(negentropySetOf([...notes.slice(0, 200), own])),
    limits,
  )
  const have: string[] = []
  const need: string[] = []
  open('a', 'n', {}, client.initiate())
  for (;;) {
    expect(lastSent()).toEqual(['NEG-MSG', 'n', expect.stringMatching(/^61/)])
    const step = client.reconcile(Buffer.from(String(lastSent()?.[2]), 'hex'))
    if (!step.ok) expect.fail(step.refusal)
    have.push(...step.value.have)
    need.push(...step.value.need)
    if (step.value.next === undefined) break
    sessions.message('a', { id: 'n', message: step.value.next })
  }
  expect(have).toEqual([own.id])
  expect(need.sort()).toEqual(
    notes
      .slice(200)
      .map(({ id }) => id)
      .sort(),
  )
  expect(sent.length).toBeGreaterThan(1)
})

test('only what the filter matches, and the audience may read, is in the set', async () => {
  const secret = testEvent({ kind: 1059, content: 'wrapped' })
  await put([secret, testEvent({ kind: 7 })])
  const audience = { pubkeys: [], privateKinds: [1059], authorOnlyKinds: [], hiddenKinds: [] }
  sessions.open('a', { id: 'n', filter: { kinds: [1059] }, message: nothing }, audience)
  expect(lastSent()).toEqual(['NEG-MSG', 'n', '61'])
  open('a', 'n', { kinds: [1059] })
  expect(lastSent()).toEqual(['NEG-MSG', 'n', `6100000201${secret.id}`])
})

test('events that come while a session is open do not change its answers', async () => {
  open('a', 'n')
  const before = lastSent()
  await put([testEvent({ content: 'new' })])
  sessions.message('a', { id: 'n', message: nothing })
  expect(lastSent()).toEqual(before)
})

test('after NEG-CLOSE, and for an id that was never open, NEG-MSG is answered by NEG-ERR closed', () => {
  open('a', 'n')
  sessions.close('a', 'n')
  sessions.close('a', 'never')
  expect(verbs()).toEqual(['NEG-MSG'])
  const gone = (id: string) => ['NEG-ERR', id, 'closed: no reconciliation of this id is open']
  sessions.message('a', { id: 'n', message: nothing })
  expect(lastSent()).toEqual(gone('n'))
  sessions.message('b', { id: 'n', message: nothing })
  expect(lastSent()).toEqual(gone('n'))
  expect([sessions.size, sessions.bytes]).toEqual([0, 0])
})

test('NEG-OPEN of an open id replaces it, also when no more sessions may be open', () => {
  open('a', 'n', { kinds: [7] })
  open('a', 'm')
  open('a', 'n', { ids: [notes[0]!.id] })
  expect(lastSent()).toEqual(['NEG-MSG', 'n', `6100000201${notes[0]!.id}`])
  expect(sessions.size).toBe(2)
})

test('a connection has at most so many sessions, and others are not hindered', () => {
  open('a', '1')
  open('a', '2')
  open('a', '3')
  expect(lastSent()).toEqual(['NEG-ERR', '3', 'blocked: at most 2 sets are reconciled at a time'])
  open('b', '3')
  expect(lastSent()?.[0]).toBe('NEG-MSG')
  sessions.close('a', '1')
  open('a', '3')
  expect(lastSent()?.[0]).toBe('NEG-MSG')
})

test('a set of exactly as many records as allowed is served, one more is refused with the number', () => {
  sessions.configure({ ...limits, maxRecords: 300 })
  open('a', 'n')
  expect(lastSent()?.[0]).toBe('NEG-MSG')
  sessions.configure({ ...limits, maxRecords: 299 })
  open('a', 'n')
  expect(lastSent()).toEqual(['NEG-ERR', 'n', expect.stringMatching(/^blocked: .* 299 events/), 299])
  expect([sessions.size, sessions.bytes]).toEqual([0, 0])
})

test('a malformed message ends the session', () => {
  open('a', 'n')
  sessions.message('a', { id: 'n', message: Buffer.from('61ff', 'hex') })
  expect(lastSent()).toEqual(['NEG-ERR', 'n', 'invalid: the message ends in the middle of a range'])
  sessions.message('a', { id: 'n', message: nothing })
  expect(lastSent()).toEqual(['NEG-ERR', 'n', expect.stringMatching(/^closed: /)])
})

test('a malformed first message leaves no session', () => {
  open('a', 'n', {}, Buffer.from('00', 'hex'))
  expect(lastSent()).toEqual(['NEG-ERR', 'n', expect.stringMatching(/^invalid: /)])
  expect([sessions.size, sessions.bytes]).toEqual([0, 0])
})

test('an unknown version is answered by ours, and the session stays', () => {
  open('a', 'n', {}, Uint8Array.of(0x62))
  expect(lastSent()).toEqual(['NEG-MSG', 'n', '61'])
  sessions.message('a', { id: 'n', message: nothing })
  expect(lastSent()?.[0]).toBe('NEG-MSG')
})

test('a filter with a search is refused', () => {
  open('a', 'n', { search: 'orange' })
  expect(lastSent()).toEqual(['NEG-ERR', 'n', expect.stringMatching(/^unsupported: /)])
})

test('a session that was idle for too long is ended, one that was used is not', () => {
  open('a', 'idle')
  open('a', 'used')
  nowMs += 59_999
  expect(sessions.endIdle()).toBe(0)
  sessions.message('a', { id: 'used', message: nothing })
  nowMs += 1
  sent = []
  expect(sessions.endIdle()).toBe(1)
  expect(sent).toEqual([{ to: 'a', message: ['NEG-ERR', 'idle', 'closed: idle for more than 60 seconds'] }])
  expect(sessions.size).toBe(1)
})

test('a connection that is gone leaves nothing behind', () => {
  open('a', '1')
  open('a', '2')
  open('b', '1')
  const { bytes } = sessions
  sessions.forget('a')
  expect(sessions.size).toBe(1)
  expect(sessions.bytes).toBe(bytes / 3)
  sessions.forget('b')
  expect(sessions.bytes).toBe(0)
})

test('snapshots of all sessions together have a bound, and what is closed makes room', () => {
  // Room for one set of 300 events, which takes some 13 kB, and not for a second one.
  sessions = sessionsOn(store, 20_000)
  open('a', '1')
  open('b', '1')
  expect(lastSent()).toEqual(['NEG-ERR', '1', expect.stringMatching(/^error: .* try again later/)])
  open('b', 'small', { ids: [notes[0]!.id] })
  expect(lastSent()?.[0]).toBe('NEG-MSG')
  expect(sessions.bytes).toBeLessThanOrEqual(20_000)
  sessions.close('a', '1')
  open('b', '1')
  expect(lastSent()?.[0]).toBe('NEG-MSG')
})

describe('with a store that answers later', () => {
  interface Reading {
    readonly answer: (set?: IdSet) => void
    readonly fail: () => void
  }
  let readings: Reading[]
  const one = negentropySetOf(notes.slice(0, 1))
  /** What was started by an answer has happened. */
  const settled = () => new Promise((resolve) => setImmediate(resolve))

  beforeEach(() => {
    readings = []
    sessions = sessionsOn({
      idSet: () =>
        new Promise<IdSet | undefined>((resolve, reject) => {
          readings.push({ answer: resolve, fail: () => reject(new Error('closing')) })
        }),
    })
  })

  test('snapshots are read one after the other, in the order of asking', async () => {
    open('a', '1')
    open('b', '2')
    expect(readings).toHaveLength(1)
    readings[0]!.answer(one)
    await settled()
    expect(sent.map(({ message }) => message[1])).toEqual(['1'])
    readings[1]!.answer(one)
    await settled()
    expect(sent.map(({ message }) => message[1])).toEqual(['1', '2'])
  })

  test('an answer to a session that is closed by then is dropped, and those that wait are never read', async () => {
    open('a', '1')
    open('a', '2')
    open('b', '1')
    sessions.forget('a')
    readings[0]!.answer(one)
    await settled()
    expect(sent).toEqual([])
    expect(readings).toHaveLength(2)
    readings[1]!.answer(one)
    await settled()
    expect(sent).toMatchObject([{ to: 'b' }])
    expect(sessions.size).toBe(1)
  })

  test('an answer to a session that was replaced meanwhile does not become the answer of the new one', async () => {
    open('a', 'n')
    open('a', 'n', {}, Uint8Array.of(0x62))
    readings[0]!.answer(one)
    await settled()
    expect(sent).toEqual([])
    readings[1]!.answer(negentropySetOf([]))
    await settled()
    expect(sent).toEqual([{ to: 'a', message: ['NEG-MSG', 'n', '61'] }])
  })

  test('NEG-MSG before the first answer ends the session', async () => {
    open('a', 'n')
    sessions.message('a', { id: 'n', message: nothing })
    expect(lastSent()).toEqual(['NEG-ERR', 'n', expect.stringMatching(/^invalid: /)])
    readings[0]!.answer(one)
    await settled()
    expect(sent).toHaveLength(1)
  })

  test('a store that fails is answered by NEG-ERR error, and the next one is read', async () => {
    open('a', 'n')
    open('b', 'n')
    readings[0]!.fail()
    await settled()
    expect(sent).toEqual([{ to: 'a', message: ['NEG-ERR', 'n', expect.stringMatching(/^error: /)] }])
    readings[1]!.answer(one)
    await settled()
    expect(lastSent()?.[0]).toBe('NEG-MSG')
    expect(sessions.size).toBe(1)
  })
})

test('a store that throws at once is answered by NEG-ERR error', () => {
  sessions = sessionsOn({
    idSet: () => {
      throw new Error('closing')
    },
  })
  open('a', 'n')
  expect(lastSent()).toEqual(['NEG-ERR', 'n', expect.stringMatching(/^error: /)])
  expect([sessions.size, sessions.bytes]).toEqual([0, 0])
})
