import { beforeEach, describe, expect, test } from 'vitest'
import { SlowLane } from './slow-lane.ts'
import { Turns } from './turns.ts'

/** Turns whose clock and event loop are in the test's hands. */
function bench() {
  let nowMs = 0
  const later: (() => void)[] = []
  const done: string[] = []
  const turns = new Turns({
    nowMs: () => nowMs,
    later: (callback) => later.push(callback),
    beforeTurn: () => done.push('answers leave'),
  })
  return {
    turns,
    /** What was done, in order, but for what is done before each turn. */
    get done() {
      return done.filter((name) => name !== 'answers leave')
    },
    everything: done,
    nowMs: () => nowMs,
    /** Work that takes so long and notes its name. */
    work: (name: string, tookMs: number) => () => {
      nowMs += tookMs
      done.push(name)
    },
    pass: (ms: number) => {
      nowMs += ms
    },
    /** One round of the event loop. */
    round: () => {
      for (const callback of later.splice(0)) callback()
    },
    isIdle: () => later.length === 0,
  }
}

let b = bench()
beforeEach(() => {
  b = bench()
})

/** An address that has used the thread for so long. */
function sourceThatUsed(address: string, usedMs: number) {
  const source = b.turns.open(address)
  b.turns.charge(source, usedMs)
  return source
}

/** Two who use much come one after the other: neither is alone. */
function contend() {
  for (const address of ['rival', 'other rival']) b.turns.defers(sourceThatUsed(address, 1_000))
}

describe('who goes when', () => {
  test('who has used little is served at once, and charged', () => {
    const source = b.turns.open('a')
    b.turns.run(source, b.work('one', 3))
    expect(b.done).toEqual(['one'])
    expect(source.usedMs).toBe(3)
    expect(b.isIdle()).toBe(true)
  })

  test('who has used much waits for a turn when others use much as well', () => {
    const source = sourceThatUsed('a', 100)
    contend()
    b.turns.run(source, b.work('one', 1))
    expect(b.done).toEqual([])
    b.round()
    expect(b.done).toEqual(['one'])
    expect(b.isIdle()).toBe(true)
  })

  test('who has used much waits for a turn when somebody was served at once, for a tenth of a second', () => {
    const source = sourceThatUsed('a', 10_000)
    b.turns.run(b.turns.open('modest'), b.work('modest', 1))
    b.pass(99)
    b.turns.run(source, b.work('waits', 1))
    expect(b.done).toEqual(['modest'])
    b.round()
    b.pass(2)
    b.turns.run(source, b.work('at once', 1))
    expect(b.done).toEqual(['modest', 'waits', 'at once'])
  })

  test('who has used much and is alone does not wait, but for what waits already', () => {
    const source = sourceThatUsed('a', 100)
    b.turns.run(source, b.work('one', 1))
    expect(b.done).toEqual(['one'])
    b.turns.enqueue(source, b.work('two', 1))
    b.turns.run(source, b.work('three', 1))
    expect(b.done).toEqual(['one'])
    b.round()
    expect(b.done).toEqual(['one', 'two', 'three'])
  })

  test('whoever has used least goes first, and each keeps its own order', () => {
    const [much, more] = [sourceThatUsed('much', 100), sourceThatUsed('more', 110)]
    contend()
    for (const name of ['x1', 'x2', 'x3']) b.turns.run(more, b.work(name, 1.8))
    for (const name of ['y1', 'y2', 'y3']) b.turns.run(much, b.work(name, 1.8))
    b.round()
    expect(b.done).toEqual(['y1', 'y2', 'y3', 'x1', 'x2'])
    b.round()
    expect(b.done.at(-1)).toBe('x3')
  })

  test('a turn ends after eight milliseconds, with the work in hand, and the rest comes in the next', () => {
    const source = sourceThatUsed('a', 100)
    contend()
    for (const name of ['1', '2', '3', '4', '5']) b.turns.run(source, b.work(name, 4.8))
    b.round()
    expect(b.done).toEqual(['1', '2'])
    expect(b.turns.waiting).toBe(1)
    b.round()
    b.round()
    expect(b.done).toEqual(['1', '2', '3', '4', '5'])
    expect(b.turns.waiting).toBe(0)
    expect(b.isIdle()).toBe(true)
  })

  test('a turn is shorter when somebody was served at once before it, whose answers leave first', () => {
    const source = sourceThatUsed('a', 100)
    b.turns.run(b.turns.open('modest'), b.work('modest', 0.1))
    for (const name of ['1', '2', '3', '4']) b.turns.run(source, b.work(name, 0.3))
    b.round()
    expect(b.everything).toEqual(['modest', 'answers leave', '1', '2'])
    b.round()
    expect(b.done).toEqual(['modest', '1', '2', '3', '4'])
  })

  test('a flood leaves half of the time to another that wants as much, and all of it to one that wants little', () => {
    const [flood, other] = [sourceThatUsed('flood', 5_000), sourceThatUsed('other', 5_000)]
    contend()
    for (let number = 0; number < 1_000; number++) {
      b.turns.run(flood, b.work('flood', 0.5))
      if (number < 100) b.turns.run(other, b.work('other', 0.5))
    }
    for (let round = 0; round < 7; round++) b.round()
    expect(b.done.filter((name) => name === 'other').length).toBeGreaterThanOrEqual(49)
    b.turns.run(b.turns.open('modest'), b.work('modest', 0.5))
    expect(b.done.at(-1)).toBe('modest')
  })

  test('work that fails takes nothing from what waits behind it', () => {
    const source = sourceThatUsed('a', 100)
    contend()
    b.turns.run(source, () => {
      throw new Error('broken')
    })
    b.turns.run(source, b.work('next', 1))
    expect(() => b.round()).toThrow('broken')
    b.round()
    expect(b.done).toEqual(['next'])
  })
})

describe('what is charged', () => {
  test('work within work is charged once', () => {
    const source = b.turns.open('a')
    b.turns.run(source, () => b.turns.run(source, b.work('inner', 4)))
    expect(source.usedMs).toBe(4)
    expect(b.turns.chargedMs).toBe(4)
  })

  test('all connections of an address share what they use, and it is known when it comes back', () => {
    const first = b.turns.open('a')
    b.turns.charge(first, 100)
    b.turns.close(first)
    expect(b.turns.open('a')).toBe(first)
    contend()
    expect(b.turns.defers(b.turns.open('a'))).toBe(true)
    expect(b.turns.defers(b.turns.open('b'))).toBe(false)
  })

  test('what was used counts half after a second, and who is gone is forgotten then', () => {
    const [source, other] = [sourceThatUsed('a', 100), b.turns.open('b')]
    b.pass(1_000)
    b.turns.charge(other, 0)
    expect(source.usedMs).toBeCloseTo(50)
    // However often it is looked at in between.
    for (let look = 0; look < 10; look++) {
      b.pass(150)
      b.turns.charge(other, 0)
    }
    expect(source.usedMs).toBeCloseTo(50 * 0.5 ** 1.5)
    b.turns.close(source)
    b.pass(60_000)
    b.turns.charge(other, 0)
    expect(b.turns.sources).toBe(1)
    expect(b.turns.open('a')).not.toBe(source)
  })
})

describe('the slow lane', () => {
  test('those who used much go one after the other, least first, and others at once', async () => {
    const lane = new SlowLane(b.turns, b.nowMs)
    contend()
    const [much, more, little] = [
      sourceThatUsed('much', 100),
      sourceThatUsed('more', 200),
      b.turns.open('little'),
    ]
    const gate = Promise.withResolvers<void>()
    const slow = (name: string, until?: Promise<void>) => async () => {
      b.everything.push(`${name} begins`)
      await until
      b.everything.push(`${name} ends`)
    }
    lane.run(more, slow('first', gate.promise))
    lane.run(more, slow('last'))
    lane.run(much, slow('second'))
    lane.run(little, slow('little'))
    await Promise.resolve()
    expect(b.done).toEqual(['first begins', 'little begins', 'little ends'])
    expect(lane.waiting).toBe(2)
    gate.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    expect(b.done.slice(3)).toEqual([
      'first ends',
      'second begins',
      'second ends',
      'last begins',
      'last ends',
    ])
  })

  test('it charges what passed and nobody else was charged for', async () => {
    const lane = new SlowLane(b.turns, b.nowMs)
    const [counting, other] = [b.turns.open('counting'), b.turns.open('other')]
    const ended = Promise.withResolvers<void>()
    lane.run(counting, () => ended.promise)
    b.turns.run(other, b.work('other', 5))
    b.pass(2)
    ended.resolve()
    await new Promise((resolve) => setImmediate(resolve))
    expect(counting.usedMs).toBe(2)
    expect(other.usedMs).toBe(5)
  })
})
