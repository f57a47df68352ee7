/** As conformance.test.ts, on PostgreSQL. */
import { randomUUID } from 'node:crypto'
import { Client } from 'pg'
import { afterEach, describe, test } from 'vitest'
import { noServerBecause, startPostgres } from '../../src/events/postgres/testing/index.ts'
import { CONFORMANCE_RUN, judge, SKIPPED } from './conformance-judge.ts'
import { Stage } from './stoa-process.ts'

const stage = new Stage()
afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))

describe.skipIf(noServerBecause !== undefined)('on PostgreSQL', () => {
  test('every row of the conformance suite holds', CONFORMANCE_RUN, async () => {
    const server = await startPostgres()
    try {
      const place = async () => ({
        STOA_STORE__ENGINE: 'postgres',
        STOA_DATABASE__URL: await freshDatabase(server.url),
      })
      await judge(stage, { threads: 1, place }, { ...SKIPPED, 'O-08': 'it is not this process that writes' })
    } finally {
      await stage.end()
      await server.stop()
    }
  })
})

if (noServerBecause !== undefined)
  console.warn(`SKIPPED: the conformance suite on PostgreSQL, since ${noServerBecause}`)

/** A database of its own for each relay. */
async function freshDatabase(serverUrl: string): Promise<string> {
  const name = `relay_${randomUUID().replaceAll('-', '')}`
  const client = new Client(serverUrl)
  await client.connect()
  await client.query(`CREATE DATABASE ${name}`)
  await client.end()
  return serverUrl.replace('/postgres?', `/${name}?`)
}
