import { expect, test } from 'vitest'
import { createMemoryStore } from '../../events/memory/index.ts'
import { bytesOf } from '../../events/testing/index.ts'
import { parseRetention, runPass } from '../../retention/index.ts'
import type { RelaySettings } from '../settings.ts'
import { NOW_SECONDS, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { createWritePolicies } from './write-policies.ts'

const HOUR = 3_600

const settingsWith = (...rules: string[]): RelaySettings => ({
  ...testSettings(),
  retention: { rules, keepKinds: [0], maxDiskBytes: 0, intervalSeconds: 60 },
})

const aged = (seconds: number, kind = 1) => testEvent({ kind, created_at: NOW_SECONDS - seconds })

test('an event that the next pass would remove for its age is blocked, whoever brings it', () => {
  const policies = createWritePolicies(settingsWith('1: hours=1'), testDeps())
  for (const origin of ['client', 'mirror', 'sync', 'import'] as const) {
    const judge = (seconds: number, kind = 1) =>
      policies.judgeEarly(aged(seconds, kind), testContext({ origin }))
    expect(judge(HOUR)).toBeUndefined()
    expect(judge(HOUR + 1)).toMatchObject({ do: 'refuse', isForGood: true })
    expect(judge(HOUR + 1)).toMatchObject({ text: expect.stringMatching(/^blocked: .*1: hours=1/) })
    expect(judge(HOUR + 1, 0)).toBeUndefined()
    expect(judge(HOUR + 1, 7)).toBeUndefined()
  }
})

test('a request to vanish comes in, however old it is', () => {
  const policies = createWritePolicies(settingsWith('*: hours=1'), testDeps())
  expect(policies.judgeEarly(aged(9 * HOUR, 62), testContext())).toBeUndefined()
})

test('the rules change while the relay runs, and without an age nobody is asked', () => {
  const policies = createWritePolicies(settingsWith('1: hours=1'), testDeps())
  const judge = () => policies.judgeEarly(aged(2 * HOUR), testContext())
  expect(judge()).toBeDefined()
  policies.reload(settingsWith('1: hours=3'))
  expect(judge()).toBeUndefined()
  policies.reload(settingsWith('1: hours=1'))
  expect(judge()).toBeDefined()
  policies.reload(settingsWith('1: events=100'))
  expect(judge()).toBeUndefined()
  expect(Object.keys(policies.stats())).toContain('retention')
  policies.reload(testSettings())
  expect(judge()).toBeUndefined()
})

test('what is let in is what a pass leaves, to the second', async () => {
  const settings = settingsWith('7: keep', '1-9: hours=2', '*: hours=1')
  const policies = createWritePolicies(settings, testDeps())
  const events = [0, 1, 7, 30_023].flatMap((kind) =>
    [HOUR, HOUR + 1, 2 * HOUR, 2 * HOUR + 1].map((seconds) => aged(seconds, kind)),
  )
  const letIn = events.filter((event) => policies.judgeEarly(event, testContext()) === undefined)
  const store = createMemoryStore()
  for (const event of events) {
    // Each by itself: versions would replace each other.
    await store.put([bytesOf(event)], NOW_SECONDS)
    await runPass({
      store,
      rules: parseRetention(settings.retention!),
      nowSeconds: NOW_SECONDS,
      signal: new AbortController().signal,
      rest: async () => undefined,
    })
    expect(await store.has(event.id), `${event.kind} ${event.created_at}`).toBe(letIn.includes(event))
    await store.remove([event.id])
  }
  expect(letIn.length).toBe(4 + 3 + 4 + 1)
})
