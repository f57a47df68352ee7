/** Work that is done later, in the running program: a mail that was promised, and the checkpoint of the audit log. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PgBoss } from 'pg-boss'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  noServerBecause,
  type PostgresServer,
  startPostgres,
} from '../../src/events/postgres/testing/index.ts'
import { EventClient } from './event-client.ts'
import { Stage } from './stoa-process.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 30_000, interval: 100 }

if (noServerBecause !== undefined) console.warn(`SKIPPED: jobs in the program, since ${noServerBecause}`)

describe.skipIf(noServerBecause !== undefined)('jobs', () => {
  const stage = new Stage()
  let postgres: PostgresServer

  beforeAll(async () => {
    postgres = await startPostgres()
  })
  afterEach(({ task }) => stage.end({ hasFailed: task.result?.state === 'fail' }))
  afterAll(() => postgres.stop())

  test('who signs up gets a mail; the audit log is told to the world, and held to what was told', async () => {
    const env = {
      STOA_STORE__ENGINE: 'postgres',
      STOA_DATABASE__URL: postgres.url,
      STOA_ACCOUNTS__SIGN_UP: 'open',
    }
    const stoa = await stage.start({ env, hasOffice: true })
    await vi.waitFor(() => expect(stoa.stderr).toContain('jobs.started'), PATIENCE)
    const admin = async (...words: readonly string[]): Promise<unknown> => {
      const { code, stdout, stderr } = await stage.run(['admin', ...words, '--json', '--data', stoa.dataDir])
      if (code !== 0) throw new Error(stderr)
      return JSON.parse(stdout)
    }

    const answer = await fetch(stoa.httpUrl('/api/auth/sign-up'), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'ann@example.org', password: 'correct horse battery' }),
    })
    expect(answer.ok).toBe(true)
    const folder = join(stoa.dataDir, 'mail')
    await vi.waitFor(() => expect(readdirSync(folder)).toHaveLength(1), PATIENCE)
    expect(readFileSync(join(folder, readdirSync(folder)[0] ?? ''), 'utf8')).toContain('To: ann@example.org')

    await admin('kind', 'deny', '4')
    const boss = new PgBoss({ connectionString: postgres.url, supervise: false, schedule: false })
    await boss.start()
    // What the clock does shortly after midnight.
    await boss.send('audit.checkpoint', {})
    await boss.stop({ graceful: false })
    const reader = await EventClient.open(stoa.url)
    await vi.waitFor(async () => {
      const [checkpoint] = await reader.query({ kinds: [30_078] })
      expect(JSON.parse(checkpoint?.content ?? '{}')).toMatchObject({ number: 1 })
    }, PATIENCE)
    expect(await admin('audit', 'verify')).toMatchObject({ entries: 1, checkpoint: { number: 1 } })
  })
})
