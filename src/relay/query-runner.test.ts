import { describe, expect, test } from 'vitest'
import type { EventCursor, EventPage } from '../events/index.ts'
import { createCounters } from './counters.ts'
import { FanOut } from './fan-out.ts'
import { QueryRunner } from './query-runner.ts'
import { type Connection, createSession } from './session.ts'
import { Subscription } from './subscription.ts'
import { Turns } from './turns/index.ts'

const EVENT = Buffer.from('{"id":"x"}')

function pageOf(count: number, done: boolean): EventPage {
  return {
    count,
    done,
    snapshotSeq: 7,
    byteLengthAt: () => EVENT.length,
    viewAt: () => EVENT,
    copyAt: (_index, target, at) => EVENT.copy(target, at),
  }
}

/** A cursor that gives these pages, one a call. */
function cursorOf(pages: readonly EventPage[]): EventCursor & { asked: number } {
  const cursor = { asked: 0, next: () => pages[cursor.asked++]! }
  return cursor
}

function bench() {
  const sent: string[] = []
  const turns = new Turns()
  const fake = {
    session: createSession({
      address: '127.0.0.1',
      source: turns.open('127.0.0.1'),
      host: 'localhost',
      number: 1,
      startedAtMs: 0,
      audience: undefined,
    }),
    bufferedBytes: 0,
    sendFrames: (bytes: Buffer) => sent.push(bytes.toString('latin1')),
    sendText: (text: string) => sent.push(text),
  }
  const counters = createCounters()
  const fanOut = new FanOut({ maxUnsentBytes: 1_000_000, counters, forget: () => {} })
  const runner = new QueryRunner({
    fanOut,
    counters,
    turns,
    pauseAboveBytes: 1_000,
    reserve: (bytes) => Buffer.alloc(bytes),
  })
  const open = (id: string, cursor: EventCursor) => {
    // Only what the runner touches; the real one needs a socket.
    const subscription = new Subscription(fake as unknown as Connection, id, [{}], cursor, false)
    fanOut.add(subscription)
    runner.start(subscription)
    return subscription
  }
  return { sent, fake, fanOut, runner, open }
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

describe('a query', () => {
  test('of one page is answered at once, with EOSE behind its events', () => {
    const { sent, open, runner } = bench()
    const subscription = open('s', cursorOf([pageOf(2, true)]))
    expect(sent.join('').match(/\{"id":"x"\}/g)).toHaveLength(2)
    expect(sent.join('')).toMatch(/\["EOSE","s"\]$/)
    expect(subscription).toMatchObject({ state: 'live', snapshotSeq: 7, cursor: undefined })
    expect(runner.running).toBe(0)
  })

  test('of many pages takes turns with the others', async () => {
    const { open, runner } = bench()
    const long = cursorOf([pageOf(1, false), pageOf(1, false), pageOf(1, true)])
    open('long', long)
    const short = open('short', cursorOf([pageOf(1, true)]))
    expect(short.state).toBe('live')
    expect(long.asked).toBe(1)
    while (runner.running > 0) await nextTurn()
    expect(long.asked).toBe(3)
  })

  test('waits, without reading on, while the client does not read', async () => {
    const { open, fake, runner } = bench()
    const cursor = cursorOf([pageOf(1, false), pageOf(1, true)])
    open('s', cursor)
    fake.bufferedBytes = 5_000
    await nextTurn()
    await nextTurn()
    const asked = cursor.asked
    // A new one does not even begin.
    const late = cursorOf([pageOf(1, true)])
    open('late', late)
    expect(late.asked).toBe(0)
    fake.bufferedBytes = 0
    const waiting = fake.session.waiting ?? []
    fake.session.waiting = undefined
    runner.resume(waiting)
    while (runner.running > 0) await nextTurn()
    expect(asked).toBeLessThanOrEqual(2)
    expect([cursor.asked, late.asked]).toEqual([2, 1])
  })

  test('that was closed meanwhile sends nothing more', async () => {
    const { open, fanOut, sent, runner } = bench()
    const cursor = cursorOf([pageOf(1, false), pageOf(1, true)])
    const subscription = open('s', cursor)
    const before = sent.length
    fanOut.remove(subscription)
    while (runner.running > 0) await nextTurn()
    expect(sent).toHaveLength(before)
    expect(cursor.asked).toBe(1)
  })

  test('that fails ends with CLOSED error', async () => {
    const { open, sent, runner } = bench()
    open('s', { next: () => Promise.reject(new Error('the thread is gone')) })
    while (runner.running > 0) await nextTurn()
    expect(sent.join('')).toMatch(/\["CLOSED","s","error: /)
    expect(sent.join('')).not.toContain('thread is gone')
  })
})
