import { describe, expect, test } from 'vitest'
import { AccessLists } from '../access-lists.ts'
import { parseKindRate } from './key-rates.ts'
import { ALICE, BOB, testContext, testDeps, testEvent, testSettings } from './testing/policy-kit.ts'
import { createWritePolicies } from './write-policies.ts'

const tooFast = expect.objectContaining({ text: expect.stringMatching(/^rate-limited: /) })

test('an address may send its burst, then its rate; other addresses are not touched', () => {
  const deps = testDeps()
  const settings = testSettings({ rates: { eventsPerSecond: 2, eventsBurst: 3, exemptIps: ['127.0.0.1'] } })
  const policies = createWritePolicies(settings, deps)
  const send = (address: string) => policies.judgeEarly(testEvent(), testContext({ address }))
  expect([1, 2, 3].map(() => send('192.0.2.1'))).toEqual([undefined, undefined, undefined])
  expect(send('192.0.2.1')).toEqual(tooFast)
  expect(send('192.0.2.2')).toBeUndefined()
  deps.clock.advanceMs(500)
  expect(send('192.0.2.1')).toBeUndefined()
  expect(send('192.0.2.1')).toEqual(tooFast)
  expect(Array.from({ length: 10 }, () => send('127.0.0.1'))).not.toContainEqual(tooFast)
})

describe('a key', () => {
  const settings = testSettings({
    policies: { rates: { keyPerSecond: 1, keyBurst: 2, kindRules: ['0: 1/minute'] } },
  })

  test('has one allowance for all of its addresses', () => {
    const policies = createWritePolicies(settings, testDeps())
    const send = (address: string, pubkey = ALICE) =>
      policies.judgeLate(testEvent({ pubkey }), testContext({ address }))
    expect([send('192.0.2.1'), send('192.0.2.2'), send('192.0.2.3')]).toEqual([undefined, undefined, tooFast])
    expect(send('192.0.2.1', BOB)).toBeUndefined()
  })

  test('cannot be robbed of it by events forged in its name', () => {
    const policies = createWritePolicies(settings, testDeps())
    // Forged events are judged early, and never late.
    for (let index = 0; index < 100; index++) policies.judgeEarly(testEvent(), testContext())
    expect(policies.judgeLate(testEvent(), testContext())).toBeUndefined()
  })

  test('has another allowance for certain kinds', () => {
    const deps = testDeps()
    const policies = createWritePolicies(settings, deps)
    const profile = () => policies.judgeLate(testEvent({ kind: 0 }), testContext())
    expect(profile()).toBeUndefined()
    deps.clock.advanceSeconds(59)
    expect(profile()).toEqual(tooFast)
    deps.clock.advanceSeconds(1)
    expect(profile()).toBeUndefined()
  })

  test('is not counted for what a mirror brings, nor from an address without limits', () => {
    const lists = new AccessLists()
    lists.apply({ do: 'unlimit-ip', ip: '10.0.0.0/8' })
    const policies = createWritePolicies(settings, testDeps({ lists }))
    for (const context of [testContext({ origin: 'mirror' }), testContext({ address: '10.1.2.3' })]) {
      const verdicts = Array.from({ length: 10 }, () => policies.judgeLate(testEvent({ kind: 0 }), context))
      expect(verdicts).not.toContainEqual(tooFast)
    }
  })
})

test.each(['', '1', '1: 5', '1: 5/week', '1: 0/minute', '9-1: 5/minute', '1: -5/minute'])(
  'the rule %j is refused',
  (rule) => {
    expect(() => parseKindRate(rule)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  },
)
