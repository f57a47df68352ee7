import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Connection, createSession } from '../session.ts'
import { PacedInbox } from './paced-inbox.ts'
import { Turns } from './turns.ts'

/** A connection that notes what is read, on a thread of the test's own. */
function bench() {
  const later: (() => void)[] = []
  let nowMs = 0
  const turns = new Turns({ nowMs: () => nowMs, later: (callback) => later.push(callback) })
  const [source, rival] = [turns.open('10.0.0.1'), turns.open('10.0.0.2')]
  const session = createSession({
    address: '10.0.0.1',
    source,
    host: 'localhost',
    number: 1,
    startedAtMs: 0,
    audience: undefined,
  })
  const read: Buffer[] = []
  const log: string[] = []
  const fake = {
    session,
    isOpen: true,
    read: (bytes: Buffer, length: number) => {
      nowMs += 3
      read.push(Buffer.from(bytes.subarray(0, length)))
    },
    ended: () => log.push(`ended after ${Buffer.concat(read).length}`),
    pause: () => log.push('pause'),
    resume: () => log.push('resume'),
  }
  const inbox = new PacedInbox(turns)
  // Only what the inbox touches; the real one needs a socket.
  const connection = fake as unknown as Connection
  return {
    turns,
    source,
    read,
    log,
    /** It has used much, and is not alone. */
    makeHeavy: () => {
      turns.charge(source, 1_000)
      turns.charge(rival, 1_000)
      turns.defers(source)
      turns.defers(rival)
    },
    /** As a socket gives them: in a buffer that is used again at once. */
    receive: (bytes: Buffer) => {
      const shared = Buffer.concat([bytes, Buffer.from('more')])
      inbox.receive(connection, shared, bytes.length)
      shared.fill(0)
    },
    end: () => inbox.end(connection),
    close: () => {
      fake.isOpen = false
    },
    round: () => {
      for (const callback of later.splice(0)) callback()
    },
    isIdle: () => later.length === 0,
  }
}

test('what comes from who uses little is read where it lies', () => {
  const b = bench()
  b.receive(Buffer.alloc(60_000, 1))
  expect(b.read.map(({ length }) => length)).toEqual([60_000])
  expect(b.end()).toBe(false)
})

test('what comes from others is read in pieces, a few in a turn', () => {
  const b = bench()
  b.makeHeavy()
  b.receive(Buffer.alloc(20_000, 1))
  expect(b.read).toEqual([])
  b.round()
  expect(b.read.map(({ length }) => length)).toEqual([4_096, 4_096, 4_096])
  b.round()
  expect(b.read.map(({ length }) => length)).toEqual([4_096, 4_096, 4_096, 4_096, 3_616])
  expect(b.isIdle()).toBe(true)
})

test('with more than 64 KiB unread the socket is not read, until all of that was', () => {
  const b = bench()
  b.makeHeavy()
  b.receive(Buffer.alloc(65_536))
  expect(b.log).toEqual([])
  b.receive(Buffer.alloc(1))
  expect(b.log).toEqual(['pause'])
  while (!b.isIdle()) {
    expect(b.log).toEqual(['pause'])
    b.round()
  }
  expect(b.log).toEqual(['pause', 'resume'])
})

test('the end of a connection comes after all that was sent', () => {
  const b = bench()
  b.makeHeavy()
  b.receive(Buffer.alloc(30_000))
  expect(b.end()).toBe(true)
  while (!b.isIdle()) b.round()
  expect(b.log).toEqual(['ended after 30000'])
})

test('what waits when we close, and what comes after, is read at once and not kept', () => {
  const b = bench()
  b.makeHeavy()
  b.receive(Buffer.alloc(10_000, 1))
  b.round()
  b.receive(Buffer.alloc(10_000, 2))
  b.close()
  b.receive(Buffer.alloc(300_000, 3))
  expect(Buffer.concat(b.read)).toEqual(
    Buffer.concat([Buffer.alloc(10_000, 1), Buffer.alloc(10_000, 2), Buffer.alloc(300_000, 3)]),
  )
  const pieces = b.read.length
  while (!b.isIdle()) b.round()
  expect(b.read).toHaveLength(pieces)
})

test('whatever comes when, all of it is read once and in order', () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.nat({ max: 12_000 }).map((length) => ({ do: 'receive', length }) as const) },
    { weight: 3, arbitrary: fc.constant({ do: 'round' } as const) },
    { weight: 1, arbitrary: fc.constant({ do: 'heavy' } as const) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const b = bench()
      const sent: Buffer[] = []
      for (const next of steps) {
        if (next.do === 'heavy') b.makeHeavy()
        else if (next.do === 'round') b.round()
        else {
          const bytes = Buffer.alloc(next.length, sent.length + 1)
          sent.push(bytes)
          b.receive(bytes)
        }
      }
      while (!b.isIdle()) b.round()
      expect(Buffer.concat(b.read).equals(Buffer.concat(sent))).toBe(true)
    }),
  )
})
