import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Plannable, planConnections } from './plan.ts'

const NOW = 1_000
const TURNS = { turnMs: 300, maxTurnMs: 900 }

const relay = fc
  .record({
    url: fc.webUrl(),
    isProven: fc.boolean(),
    isActive: fc.boolean(),
    isConnected: fc.boolean(),
    failures: fc.nat({ max: 5 }),
    nextTryMs: fc.nat({ max: 2_000 }),
    isPinned: fc.constant(false),
    activeSinceMs: fc.nat({ max: NOW }),
    liveSinceMs: fc.option(fc.nat({ max: NOW }), { nil: undefined }),
  })
  .map((facts) => ({ ...facts, isConnected: facts.isConnected && facts.isActive }))
const bounds = fc.record({
  maxConnections: fc.integer({ min: 1, max: 30 }),
  maxConnecting: fc.integer({ min: 1, max: 10 }),
  turnMs: fc.constant(TURNS.turnMs),
  maxTurnMs: fc.constant(TURNS.maxTurnMs),
})

test('connections and openings stay within their bounds, and nobody is tried before its time', () => {
  fc.assert(
    fc.property(fc.array(relay, { maxLength: 60 }), bounds, (relays, given) => {
      const { connect, release, crowdedOut } = planConnections(relays, given, NOW)
      const active = relays.filter(({ isActive }) => isActive)
      const connecting = active.filter(({ isConnected }) => !isConnected)
      expect(active.length - release.length + connect.length).toBeLessThanOrEqual(given.maxConnections)
      if (connect.length > 0) {
        expect(connecting.length + connect.length).toBeLessThanOrEqual(given.maxConnecting)
      }
      for (const { isActive, nextTryMs } of connect) {
        expect(isActive).toBe(false)
        expect(nextTryMs).toBeLessThanOrEqual(NOW)
      }
      for (const { isActive } of release) expect(isActive).toBe(true)
      for (const one of crowdedOut) {
        expect(one).toMatchObject({ isActive: false, isProven: true })
        expect(connect).not.toContain(one)
      }
    }),
  )
})

const idle = (index: number, isProven: boolean): Plannable => ({
  url: `wss://${index}`,
  isProven,
  isActive: false,
  isConnected: false,
  failures: 0,
  nextTryMs: 0,
  isPinned: false,
  activeSinceMs: 0,
  liveSinceMs: undefined,
})

test('proven relays come first, and one connection in twenty is kept for candidates', () => {
  const relays = [
    ...Array.from({ length: 100 }, (_, index) => idle(index, false)),
    ...Array.from({ length: 100 }, (_, index) => idle(index, true)),
  ]
  const { connect } = planConnections(relays, { maxConnections: 40, maxConnecting: 40, ...TURNS }, NOW)
  expect(connect.filter(({ isProven }) => isProven)).toHaveLength(38)
  expect(connect).toHaveLength(40)
})

test('proven relays that wait take the places of candidates, down to those that are kept for them', () => {
  const busy = Array.from({ length: 40 }, (_, index) => ({
    ...idle(index, false),
    isActive: true,
    isConnected: true,
  }))
  const waiting = Array.from({ length: 30 }, (_, index) => idle(100 + index, true))
  const { release } = planConnections(
    [...busy, ...waiting],
    { maxConnections: 40, maxConnecting: 40, ...TURNS },
    NOW,
  )
  expect(release).toHaveLength(30)
})

/** Proven relays over hours; some cannot be connected to, some never are through with their past. */
function simulate(count: number, maxConnections: number, isBad: (index: number) => boolean) {
  const TICK_MS = 30
  const ROTATION_MS = 600
  const relays = Array.from({ length: count }, (_, index) => ({
    ...idle(index, true),
    nextTryMs: 0,
    isActive: false,
    isConnected: false,
    activeSinceMs: 0,
    liveSinceMs: undefined as number | undefined,
    isPinned: index === 0,
    failures: 0,
    visits: 0,
    isBad: isBad(index),
  }))
  const bounds = { maxConnections, maxConnecting: 64, ...TURNS }
  const step = (nowMs: number) => {
    for (const one of relays) {
      if (!one.isActive || one.isConnected) continue
      if (one.isBad) {
        Object.assign(one, { isActive: false, activeSinceMs: 0, failures: one.failures + 1 })
        one.nextTryMs = nowMs + 30 * 2 ** Math.min(one.failures, 8)
      } else {
        Object.assign(one, { isConnected: true, liveSinceMs: nowMs })
      }
    }
    const { connect, release } = planConnections(relays, bounds, nowMs)
    for (const one of release) {
      const nextTryMs = nowMs + ROTATION_MS
      Object.assign(one, {
        isActive: false,
        isConnected: false,
        liveSinceMs: undefined,
        activeSinceMs: 0,
        nextTryMs,
      })
    }
    for (const one of connect) {
      Object.assign(one, { isActive: true, activeSinceMs: nowMs })
      one.visits += 1
    }
    return { released: release.length, active: relays.filter(({ isActive }) => isActive).length }
  }
  return { relays, step, TICK_MS }
}

test('however many proven relays there are, each has its turn; those that are connected are mostly left alone', () => {
  const cases = fc.record({
    count: fc.integer({ min: 1, max: 40 }),
    maxConnections: fc.integer({ min: 1, max: 30 }),
    badEvery: fc.integer({ min: 2, max: 9 }),
  })
  fc.assert(
    fc.property(cases, ({ count, maxConnections, badEvery }) => {
      const { relays, step, TICK_MS } = simulate(count, maxConnections, (index) => index % badEvery === 1)
      const goingRound = Math.max(1, Math.floor(maxConnections / 10))
      let nowMs = 0
      let released = 0
      let mostActive = 0
      const lastMs = (count / goingRound + 2) * (TURNS.turnMs + 4 * TICK_MS)
      for (; nowMs <= lastMs; nowMs += TICK_MS) {
        const done = step(nowMs)
        released += done.released
        mostActive = Math.max(mostActive, done.active)
      }
      expect(mostActive).toBeLessThanOrEqual(maxConnections)
      // With a single connection our own relay has it.
      const others = maxConnections === 1 ? relays.slice(0, 1) : relays
      expect(others.filter(({ visits }) => visits === 0)).toEqual([])
      expect(relays[0]).toMatchObject({ visits: 1, isActive: true })
      expect(released).toBeLessThanOrEqual(goingRound * (nowMs / TURNS.turnMs + 1))
      if (count <= maxConnections) expect(released).toBe(0)
    }),
    { numRuns: 25 },
  )
})
