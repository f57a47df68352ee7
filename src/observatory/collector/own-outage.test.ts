/** Whose fault is it that relays are lost: the rules alone, with time held in the hand. */
import { expect, test } from 'vitest'
import { MIN_LOST_RELAYS, OutageJudge } from './own-outage.ts'

const BOUNDS = { tickMs: 1_000, outageGraceMs: 2_000, outageQuietMs: 5_000, outageWindowMs: 60_000 }
const START = 1_000_000

/** A collector in small: relays that are connected and answer, or do not. */
function stage(relays: number) {
  const judge = new OutageJudge(BOUNDS)
  let nowMs = START
  let connected = relays
  let answeredMs = START
  let probes = 0
  const tick = (seconds: number, areAnswering: boolean) => {
    const changes: string[] = []
    for (let n = 0; n < seconds; n++) {
      nowMs += 1_000
      if (areAnswering && connected > 0) answeredMs = nowMs
      const change = judge.look({ nowMs, connected, active: connected, answeredMs, hasDoubts: false })
      if (change !== undefined) changes.push(change)
      if (judge.wantsProbe(nowMs)) probes += 1
    }
    return changes
  }
  const lose = (count: number) => {
    for (let n = 0; n < count; n++) judge.lost(connected--, nowMs)
    return nowMs
  }
  const answer = () => {
    answeredMs = nowMs
    judge.answered(nowMs)
  }
  return { judge, tick, lose, answer, now: () => nowMs, probes: () => probes }
}

test('relays that are lost together while nobody answers are lost by us, from the last sign of life on', () => {
  const { judge, tick, lose, now } = stage(100)
  tick(10, true)
  const lastSign = now()
  tick(20, false)
  const lostAt = lose(60)
  expect(judge.faultAt(lostAt, now())).toBe('unclear')
  expect(tick(10, false)).toEqual(['begun'])
  expect(judge).toMatchObject({ isOn: true, sinceMs: lastSign, outages: 1 })
  expect(judge.faultAt(lostAt, now())).toBe('ours')
  expect(judge.clearUntilMs(now())).toBe(lastSign)
})

test('it lasts until one answers, however long', () => {
  const { judge, tick, lose, answer } = stage(10)
  lose(10)
  expect(tick(7_200, false)).toEqual(['begun'])
  answer()
  expect(tick(1, false)).toEqual(['ended'])
  expect(judge).toMatchObject({ isOn: false, sinceMs: undefined, outages: 1 })
})

test('who was tried before the network was whole again has not failed; who is tried later has', () => {
  const { judge, tick, lose, answer, now } = stage(10)
  lose(10)
  tick(60, false)
  const triedAt = now()
  answer()
  expect(tick(1, false)).toEqual(['ended'])
  tick(10, true)
  expect(judge.faultAt(now(), now(), triedAt)).toBe('ours')
  tick(120, true)
  expect(judge.faultAt(now() - 60_000, now(), now() - 70_000)).toBe('theirs')
})

test('while one that is left answers, all others are lost by themselves', () => {
  const { judge, tick, lose, now } = stage(100)
  tick(10, true)
  const lostAt = lose(99)
  expect(tick(120, true)).toEqual([])
  expect(judge.faultAt(lostAt, now())).toBe('theirs')
})

test('those that are left are asked for a sign of life before anybody is judged', () => {
  const { tick, lose, probes } = stage(100)
  tick(10, true)
  expect(probes()).toBe(0)
  lose(60)
  tick(1, false)
  expect(probes()).toBe(1)
})

test('fewer than are needed, or the lesser part, are lost by themselves', () => {
  const few = stage(MIN_LOST_RELAYS - 1)
  const lostAt = few.lose(MIN_LOST_RELAYS - 1)
  expect(few.judge.faultAt(lostAt, few.now())).toBe('theirs')
  expect(few.tick(300, false)).toEqual([])
  const many = stage(100)
  const lessAt = many.lose(50)
  expect(many.tick(120, false)).toEqual([])
  expect(many.judge.faultAt(lessAt, many.now())).toBe('theirs')
})

test('what comes at the same moment as the losses may have been on its way, and clears nobody', () => {
  const { judge, tick, lose, answer, now } = stage(20)
  tick(5, true)
  const lostAt = lose(20)
  answer()
  expect(judge.faultAt(lostAt, now())).toBe('unclear')
  expect(tick(10, false)).toEqual(['begun'])
})

test('what this thread slept through was nobody’s silence', () => {
  const { judge, lose, tick, now } = stage(20)
  tick(5, true)
  lose(20)
  tick(1, false)
  const late = now() + 600_000
  expect(
    judge.look({ nowMs: late, connected: 0, active: 0, answeredMs: now(), hasDoubts: false }),
  ).toBeUndefined()
})
