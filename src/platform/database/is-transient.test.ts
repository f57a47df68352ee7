import { connect } from 'node:net'
import { DatabaseError, Pool } from 'pg'
import { expect, test } from 'vitest'
import { AppError } from '../../kernel/index.ts'
import { isTransient } from './is-transient.ts'

/** Nobody listens there. */
const CLOSED_PORT = 1

test.each([
  ['08006', true],
  ['40001', true],
  ['40P01', true],
  ['53300', true],
  ['55P03', true],
  ['25P03', true],
  ['57014', true],
  ['57P01', true],
  ['22021', false],
  ['23505', false],
  ['42501', false],
  ['55000', false],
  ['XX000', false],
])('the SQLSTATE %s is worth another try: %s', (code, isWorth) => {
  expect(isTransient(Object.assign(new DatabaseError('x', 1, 'error'), { code }))).toBe(isWorth)
})

test('a server that refuses connections, at one address or at several, is worth another try', async () => {
  const pool = new Pool({ host: '127.0.0.1', port: CLOSED_PORT })
  const one = await pool.query('SELECT 1').catch((error: unknown) => error)
  expect(one).toMatchObject({ code: 'ECONNREFUSED' })
  expect(isTransient(one)).toBe(true)
  const several = await refusedBySeveral()
  expect(several).toBeInstanceOf(AggregateError)
  expect(isTransient(several)).toBe(true)
  await pool.end()
})

test('what `pg` says of a broken connection is worth another try', () => {
  expect(isTransient(new Error('Connection terminated unexpectedly'))).toBe(true)
  expect(isTransient(new Error('timeout exceeded when trying to connect'))).toBe(true)
})

test('a bug is not', () => {
  for (const error of [
    new AppError('INTERNAL', 'impossible'),
    new TypeError('x is undefined'),
    Object.assign(new TypeError('the argument'), { code: 'ERR_INVALID_ARG_TYPE' }),
    new RangeError('too large'),
    new ReferenceError('x is not defined'),
    new AggregateError([new TypeError('x is undefined')]),
    'a text',
  ]) {
    expect(isTransient(error)).toBe(false)
  }
})

function refusedBySeveral(): Promise<Error> {
  const { promise, resolve } = Promise.withResolvers<Error>()
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
  connect({
    host: 'several.example',
    port: CLOSED_PORT,
    autoSelectFamily: true,
    lookup: (_name, _options, found) => found(null, addresses),
  }).on('error', resolve)
  return promise
}
