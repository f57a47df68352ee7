import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReplayMemory } from './replay-memory.ts'

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

test('a hundred thousand different packets are all new, and then all known', () => {
  const memory = new ReplayMemory(KEEP_MS, 0)
  const ids = Array.from({ length: 100_000 }, (_, name) => idOf(name))
  expect(ids.filter((id) => memory.note(id, 0) !== 'new')).toEqual([])
  expect(ids.filter((id) => memory.note(id, KEEP_MS - 1) !== 'known')).toEqual([])
  expect(memory.size).toBe(100_000)
})
