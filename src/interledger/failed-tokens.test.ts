import { expect, test } from 'vitest'
import { createManualClock } from '../kernel/index.ts'
import { createFailedTokens } from './failed-tokens.ts'

function testTokens(maxAddresses?: number) {
  const clock = createManualClock(1_700_000_000_000)
  const failed = createFailedTokens({ clock, ...(maxAddresses !== undefined && { maxAddresses }) })
  const fail = (address: string | undefined, times: number): void => {
    for (let count = 0; count < times; count++) failed.note(address)
  }
  return { clock, failed, fail }
}

test('an address may be wrong twenty times, then once in ten seconds, and others are not held back with it', () => {
  const { clock, failed, fail } = testTokens()
  fail('192.0.2.1', 19)
  expect(failed.mayTry('192.0.2.1')).toBe(true)
  fail('192.0.2.1', 1)
  expect(failed.mayTry('192.0.2.1')).toBe(false)
  expect(failed.mayTry('192.0.2.2')).toBe(true)
  clock.advanceMs(9_999)
  expect(failed.mayTry('192.0.2.1')).toBe(false)
  clock.advanceMs(1)
  expect(failed.mayTry('192.0.2.1')).toBe(true)
  fail('192.0.2.1', 1)
  expect(failed.mayTry('192.0.2.1')).toBe(false)
  clock.advanceSeconds(200)
  fail('192.0.2.1', 19)
  expect(failed.mayTry('192.0.2.1')).toBe(true)
})

test('an address that is not known stands for many and is not held back', () => {
  const { failed, fail } = testTokens()
  fail(undefined, 1_000)
  expect(failed.mayTry(undefined)).toBe(true)
  expect(failed.size).toBe(0)
})

test('so many addresses are remembered as may be: the one that was silent for longest is forgotten', () => {
  const { failed, fail } = testTokens(3)
  for (const address of ['a', 'b', 'c']) fail(address, 20)
  fail('a', 1)
  fail('d', 20)
  expect(failed.size).toBe(3)
  expect(['a', 'b', 'c', 'd'].map((address) => failed.mayTry(address))).toEqual([false, true, false, false])
})
