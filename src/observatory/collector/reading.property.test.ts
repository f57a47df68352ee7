import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RelayCursor } from '../relay-report.ts'
import { OVERLAP_SECONDS, Reading } from './reading.ts'

const START = 1_000_000

interface Relay {
  /** Times of events, newest first, by lane. */
  readonly lanes: readonly (readonly number[])[]
  readonly cap: number
}

/** Reads on for so many pages and answers with the cursor. `seen` collects what was read, by lane. */
function read(relay: Relay, cursor: RelayCursor, pages: number, floor: number, seen: readonly Set<number>[]) {
  const lanes = relay.lanes.length
  const reading = new Reading({ cursor, startSeconds: START, floorSeconds: floor, lanes })
  for (let count = 0; count < pages; count++) {
    const lane = reading.hindmostLane
    if (lane === undefined) break
    const walk = reading.walkOf(lane)
    const page = walk?.next
    if (walk === undefined || page === undefined) break
    const events = relay.lanes[lane]!.filter((at) => at >= page.since && at <= page.until)
    for (const at of events.slice(0, Math.min(relay.cap, page.limit))) {
      walk.saw(at)
      seen[lane]!.add(at)
    }
    walk.finish()
  }
  return { cursor: reading.cursorAt(undefined), isThrough: reading.hindmostLane === undefined }
}

const relays = fc.record({
  lanes: fc.array(
    fc
      .array(fc.integer({ min: START - 5_000, max: START }), { maxLength: 60 })
      .map((times) => [...new Set(times)].sort((a, b) => b - a)),
    { minLength: 1, maxLength: 3 },
  ),
  cap: fc.integer({ min: 1, max: 20 }),
})

test('however often it is interrupted, the cursor spans only what was read of every lane, and in the end all', () => {
  fc.assert(
    fc.property(relays, fc.array(fc.nat({ max: 6 }), { maxLength: 8 }), (relay, stops) => {
      const floor = START - 4_000
      const seen = relay.lanes.map(() => new Set<number>())
      let cursor: RelayCursor = { since: undefined, until: undefined }
      const check = () => {
        const { since, until } = cursor
        if (since === undefined || until === undefined) return
        relay.lanes.forEach((times, lane) => {
          for (const at of times) if (at >= since && at <= until) expect(seen[lane]!.has(at)).toBe(true)
        })
      }
      for (const pages of stops) {
        cursor = read(relay, cursor, pages, floor, seen).cursor
        check()
      }
      const last = read(relay, cursor, Number.POSITIVE_INFINITY, floor, seen)
      cursor = last.cursor
      check()
      expect(last.isThrough).toBe(true)
      expect(cursor).toEqual({ since: floor, until: START })
    }),
  )
})

test('while the gap since the last time is open, the cursor stays where it was', () => {
  const cursor = { since: START - 3_000, until: START - 1_000 }
  const reading = new Reading({ cursor, startSeconds: START, floorSeconds: START - 3_000, lanes: 2 })
  expect(reading.sinceSeconds).toBe(cursor.until - OVERLAP_SECONDS)
  reading.walkOf(0)?.finish()
  expect(reading.cursorAt(START + 50)).toEqual(cursor)
  reading.walkOf(1)?.finish()
  expect(reading.cursorAt(START + 50)).toEqual({ since: cursor.since, until: START + 50 })
})
