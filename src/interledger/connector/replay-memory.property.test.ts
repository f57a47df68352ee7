import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_EXPIRY_AHEAD_MS } from '../packet-times.ts'
import { ArrivalMemory, ReplayMemory } from './replay-memory.ts'

const KEEP_MS = 1_000

function idOf(name: number): string {
  return hash('sha256', `packet ${name}`).slice(0, 32)
}

/** Packets out of few, each some time after the one before. */
const arrivals = fc.array(
  fc.record({
    name: fc.integer({ min: 0, max: 300 }),
    afterMs: fc.constantFrom(0, 1, 10, 400, 1_500, 5_000),
  }),
  { maxLength: 400 },
)

test('what came within the time is known, what came twice that time ago is not', () => {
  fc.assert(
    fc.property(arrivals, (packets) => {
      const memory = new ReplayMemory(KEEP_MS, 0)
      const notedAtMs = new Map<number, number>()
      let nowMs = 0
      for (const { name, afterMs } of packets) {
        nowMs += afterMs
        const ageMs = nowMs - (notedAtMs.get(name) ?? Number.NEGATIVE_INFINITY)
        const noted = memory.note(idOf(name), nowMs)
        if (ageMs < KEEP_MS) expect(noted).toBe('known')
        if (ageMs >= 2 * KEEP_MS) expect(noted).toBe('new')
        if (noted === 'new') notedAtMs.set(name, nowMs)
      }
    }),
  )
})

test('a packet is known until it expires, however late, and a new one is never taken for it', () => {
  const packets = fc.array(
    fc.record({
      name: fc.integer({ min: 0, max: 100 }),
      expiresInMs: fc.constantFrom(1, KEEP_MS, KEEP_MS + 1, 60_000, MAX_EXPIRY_AHEAD_MS),
      afterMs: fc.constantFrom(0, 1, 400, 1_500, 29_000, 200_000),
    }),
    { maxLength: 400 },
  )
  fc.assert(
    fc.property(packets, (arriving) => {
      const memory = new ArrivalMemory(KEEP_MS, 0)
      /** The expiry is part of a packet: one with a name has it until it is forgotten. */
      const expiries = new Map<number, number>()
      let nowMs = 0
      let fresh = 0
      for (const { name, expiresInMs, afterMs } of arriving) {
        nowMs += afterMs
        const known = expiries.get(name)
        if (known !== undefined && known > nowMs) expect(memory.note(idOf(name), known, nowMs)).toBe('known')
        else if (known === undefined) {
          expect(memory.note(idOf(name), nowMs + expiresInMs, nowMs)).toBe('new')
          expiries.set(name, nowMs + expiresInMs)
        }
        expect(memory.note(`f${idOf(1_000 + fresh++)}`, nowMs + expiresInMs, nowMs)).toBe('new')
      }
    }),
  )
})

test('a hundred thousand different packets are all new, and then all known', () => {
  const memory = new ReplayMemory(KEEP_MS, 0)
  const ids = Array.from({ length: 100_000 }, (_, name) => idOf(name))
  expect(ids.filter((id) => memory.note(id, 0) !== 'new')).toEqual([])
  expect(ids.filter((id) => memory.note(id, KEEP_MS - 1) !== 'known')).toEqual([])
  expect(memory.size).toBe(100_000)
})
