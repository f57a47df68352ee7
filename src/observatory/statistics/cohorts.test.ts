import { expect, test } from 'vitest'
import type { Observation } from '../observation.ts'
import { SECONDS_PER_DAY } from '../ranges.ts'
import { StatisticsEngine } from './index.ts'
import { batchOf, NOW_SECONDS, observation } from './testing/index.ts'

const WEEK = 7 * SECONDS_PER_DAY
/** The Monday of the week of `NOW_SECONDS`, a Saturday. */
const MONDAY = Date.UTC(2026, 10, 16) / 1000

let event = 0
/** Notes of an author, one in each of so many weeks before the one that runs. */
function notes(author: number, weeksBack: readonly number[]): Observation[] {
  return weeksBack.map((weeks) =>
    observation({ event: ++event, author, createdAt: MONDAY - weeks * WEEK, seenAt: NOW_SECONDS }),
  )
}

const cohortsOf = (engine: StatisticsEngine) =>
  engine
    .snapshot('24h', NOW_SECONDS)
    .cohorts.map(({ weekStartSeconds, users, active }) => [
      (MONDAY - weekStartSeconds) / WEEK,
      users,
      ...active,
    ])

/** Alice came five weeks ago and never again, Bob with her and in every week, Carol with her and last week, Dave a week later. */
const FOUR = [...notes(1, [5]), ...notes(2, [5, 4, 3, 2, 1, 0]), ...notes(3, [5, 1]), ...notes(4, [4, 0])]

test('retention is how many of those who were new in a week were there in each week after it', () => {
  const engine = new StatisticsEngine()
  engine.apply(batchOf(FOUR))
  expect(cohortsOf(engine)).toEqual([
    [5, 3, 3, 1, 1, 1, 2, 1],
    [4, 1, 1, 0, 0, 0, 1],
  ])
})

test('whoever turns out to have been there earlier moves to the earlier week, with all weeks after', () => {
  const engine = new StatisticsEngine()
  engine.apply(batchOf(FOUR))
  engine.apply(batchOf(notes(4, [5])))
  engine.apply(batchOf(notes(2, [7])))
  expect(cohortsOf(engine)).toEqual([
    [7, 1, 1, 0, 1, 1, 1, 1, 1, 1],
    [5, 3, 3, 1, 0, 0, 1, 1],
  ])
})

test('the last second of a Sunday is of the week before', () => {
  const engine = new StatisticsEngine()
  engine.apply(
    batchOf([
      observation({ event: 1, author: 1, createdAt: MONDAY - 1 }),
      observation({ event: 2, author: 2, createdAt: MONDAY }),
    ]),
  )
  expect(cohortsOf(engine)).toEqual([
    [1, 1, 1, 0],
    [0, 1, 1],
  ])
})

test('twelve weeks are shown; who began before them is in none, however often they come', () => {
  const engine = new StatisticsEngine()
  engine.apply(batchOf([...notes(1, [12, 11, 3, 0]), ...notes(2, [11, 10])]))
  expect(cohortsOf(engine)).toEqual([[11, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]])
})
