import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Plannable, planConnections } from './plan.ts'

const NOW = 1_000

const relay = fc
  .record({
    url: fc.webUrl(),
    isProven: fc.boolean(),
    isActive: fc.boolean(),
    isConnected: fc.boolean(),
    failures: fc.nat({ max: 5 }),
    nextTryMs: fc.nat({ max: 2_000 }),
  })
  .map((facts) => ({ ...facts, isConnected: facts.isConnected && facts.isActive }))
const bounds = fc.record({
  maxConnections: fc.integer({ min: 1, max: 30 }),
  maxConnecting: fc.integer({ min: 1, max: 10 }),
})

test('connections and openings stay within their bounds, and nobody is tried before its time', () => {
  fc.assert(
    fc.property(fc.array(relay, { maxLength: 60 }), bounds, (relays, given) => {
      const { connect, release } = planConnections(relays, given, NOW)
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
})

test('proven relays come first, and one connection in twenty is kept for candidates', () => {
  const relays = [
    ...Array.from({ length: 100 }, (_, index) => idle(index, false)),
    ...Array.from({ length: 100 }, (_, index) => idle(index, true)),
  ]
  const { connect } = planConnections(relays, { maxConnections: 40, maxConnecting: 40 }, NOW)
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
  const { release } = planConnections([...busy, ...waiting], { maxConnections: 40, maxConnecting: 40 }, NOW)
  expect(release).toHaveLength(30)
})
