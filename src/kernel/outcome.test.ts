import { expect, test } from 'vitest'
import { accepted, type Outcome, refused } from './outcome.ts'

function half(value: number): Outcome<number, string> {
  return value % 2 === 0 ? accepted(value / 2) : refused(`${value} is odd`)
}

test('an outcome carries either the value or the refusal', () => {
  expect(half(4)).toEqual({ ok: true, value: 2 })
  expect(half(5)).toEqual({ ok: false, refusal: '5 is odd' })
})
