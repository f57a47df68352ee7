import { expect, test } from 'vitest'
import { createManualClock } from '../../kernel/index.ts'
import { NOW_SECONDS, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { wantedDifficulty } from './work.ts'
import { createWritePolicies } from './write-policies.ts'

const work = { startDifficulty: 12, maxDifficulty: 17, aboveEventsPerSecond: 10 }

test('the difficulty begins at the start and rises by two for each doubling, up to the maximum', () => {
  const settings = { minimum: 4, ...work }
  expect([10, 11, 19, 20, 40, 80, 160, 1e9].map((rate) => wantedDifficulty(rate, settings))).toEqual([
    4, 12, 12, 14, 16, 17, 17, 17,
  ])
})

test('a minimum above the maximum stays', () => {
  expect(wantedDifficulty(1_000, { minimum: 20, ...work })).toBe(20)
})

test('under load work is asked for and advertised, members do none, and it ends when the load does', () => {
  const policies = createWritePolicies(testSettings({ policies: { work } }), testDeps())
  const send = (second: number, level: 0 | 2 = 0) =>
    policies.judgeEarly(
      testEvent({ id: 'f'.repeat(64) }),
      testContext({ nowSeconds: NOW_SECONDS + second, level }),
    )
  expect(policies.minPowDifficulty).toBe(0)
  for (let index = 0; index < 300; index++) expect(send(0)).toBeUndefined()
  expect(send(1)).toMatchObject({ text: expect.stringMatching(/^pow: difficulty 0 is less than 14/) })
  expect(policies.minPowDifficulty).toBe(14)
  expect(send(1, 2)).toBeUndefined()
  // A minute of calm: one event a second is no load, and the difficulty falls one bit at a time.
  const answers = Array.from({ length: 60 }, (_, index) => send(2 + index))
  expect(answers[0]).toBeDefined()
  expect(answers.at(-1)).toBeUndefined()
  expect(policies.minPowDifficulty).toBe(0)
})

test('what is advertised falls while nobody writes, too, and is what the next event is asked for', () => {
  const clock = createManualClock(NOW_SECONDS * 1_000)
  const policies = createWritePolicies(testSettings({ policies: { work } }), { ...testDeps(), clock })
  const send = () =>
    policies.judgeEarly(testEvent({ id: 'f'.repeat(64) }), testContext({ nowSeconds: clock.nowSeconds() }))
  for (let index = 0; index < 300; index++) send()
  clock.advanceSeconds(1)
  expect(policies.minPowDifficulty).toBe(14)
  expect(send()).toMatchObject({ text: expect.stringContaining('is less than 14') })
  clock.advanceSeconds(12)
  expect(policies.minPowDifficulty).toBe(2)
  expect(send()).toMatchObject({ text: expect.stringContaining('is less than 2') })
  clock.advanceSeconds(3_600)
  expect(policies.minPowDifficulty).toBe(0)
  expect(send()).toBeUndefined()
})

test('a request to join needs no work', () => {
  const policies = createWritePolicies(testSettings({ limits: { minPowDifficulty: 20 } }), testDeps())
  const judge = (kind: number) => policies.judgeEarly(testEvent({ kind, id: 'f'.repeat(64) }), testContext())
  expect(judge(28934)).toBeUndefined()
  expect(judge(1)).toBeDefined()
})
