import { expect, test } from 'vitest'
import { AppError } from './app-error.ts'

test('an AppError carries its code, its facts and its cause', () => {
  const cause = new Error('ENOSPC')
  const error = new AppError('STORE_WRITE_FAILED', 'cannot write', { cause, facts: { attemptedBytes: 12 } })
  expect(error).toMatchObject({
    name: 'AppError',
    code: 'STORE_WRITE_FAILED',
    message: 'cannot write',
    facts: { attemptedBytes: 12 },
    cause,
  })
})

test('an AppError without a cause has no cause member, so that printing it shows none', () => {
  expect('cause' in new AppError('INTERNAL', 'impossible')).toBe(false)
})
