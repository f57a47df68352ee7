import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { guardedLookup } from './guarded-lookup.ts'

function lookUp(addresses: readonly string[] | Error, all: boolean): Promise<unknown> {
  const resolve = () => (addresses instanceof Error ? Promise.reject(addresses) : Promise.resolve(addresses))
  return new Promise((done) =>
    guardedLookup(resolve)('relay.test', { all }, (error, found) => done(error?.code ?? found)),
  )
}

test('only public addresses of a name are answered', async () => {
  expect(await lookUp(['10.0.0.1', '8.8.8.8', '::1', '2606:4700::1111'], true)).toEqual([
    { address: '8.8.8.8', family: 4 },
    { address: '2606:4700::1111', family: 6 },
  ])
  expect(await lookUp(['127.0.0.1', '8.8.4.4'], false)).toBe('8.8.4.4')
})

test('a name that leads only to private addresses is refused, and one without any is not found', async () => {
  expect(await lookUp(['127.0.0.1', '::ffff:10.0.0.1'], true)).toBe('REFUSED_ADDRESS')
  expect(await lookUp([], false)).toBe('REFUSED_ADDRESS')
  expect(await lookUp(Object.assign(new Error('no'), { code: 'ENOTFOUND' }), true)).toBe('ENOTFOUND')
})

test('a socket does not connect to what the lookup refuses', async () => {
  const socket = connect({
    host: 'rebinding.test',
    port: 1,
    lookup: guardedLookup(async () => ['127.0.0.1']),
  })
  const error = await new Promise<NodeJS.ErrnoException>((done) => socket.once('error', done))
  expect(error.code).toBe('REFUSED_ADDRESS')
})
