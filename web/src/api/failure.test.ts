import { expect, test } from 'vitest'
import { askAgainMs, failureOf } from './failure.ts'

const nowMs = Date.UTC(2026, 10, 21, 12)
const answer = { retryAfter: null, message: undefined, nowMs }

test('a limit lasts as long as Retry-After says, in seconds or as a date', () => {
  const limited = (retryAfter: string | null) => failureOf({ ...answer, status: 429, retryAfter })
  expect(limited('90')).toEqual({ kind: 'limited', retryAtMs: nowMs + 90_000 })
  expect(limited('Sat, 21 Nov 2026 12:05:00 GMT')).toEqual({ kind: 'limited', retryAtMs: nowMs + 300_000 })
  expect(limited(null)).toEqual({ kind: 'limited', retryAtMs: nowMs + 60_000 })
})

test('no Retry-After makes the page ask at once, or wait for days', () => {
  const limited = (retryAfter: string) => failureOf({ ...answer, status: 429, retryAfter })
  expect(limited('0')).toEqual({ kind: 'limited', retryAtMs: nowMs + 1000 })
  expect(limited('-5')).toEqual({ kind: 'limited', retryAtMs: nowMs + 1000 })
  expect(limited('999999999')).toEqual({ kind: 'limited', retryAtMs: nowMs + 3_600_000 })
  expect(limited('soon')).toEqual({ kind: 'limited', retryAtMs: nowMs + 60_000 })
})

test('a fault keeps the words of the server', () => {
  expect(failureOf({ ...answer, status: 500, message: 'The server could not answer this.' })).toEqual({
    kind: 'failed',
    status: 500,
    message: 'The server could not answer this.',
  })
  expect(failureOf({ ...answer, status: 404 }).kind).toBe('not-found')
  expect(failureOf({ ...answer, status: 503 })).toEqual({ kind: 'not-ready', retryAtMs: nowMs + 5000 })
})

test('what failed is asked again when the server said, or soon; what is not there is not', () => {
  expect(askAgainMs({ kind: 'limited', retryAtMs: nowMs + 90_000 }, nowMs)).toBe(90_000)
  expect(askAgainMs({ kind: 'not-ready', retryAtMs: nowMs - 5 }, nowMs)).toBe(1000)
  expect(askAgainMs({ kind: 'offline' }, nowMs)).toBe(10_000)
  expect(askAgainMs({ kind: 'failed', status: 500, message: '' }, nowMs)).toBe(10_000)
  expect(askAgainMs({ kind: 'not-found', message: '' }, nowMs)).toBeUndefined()
})
