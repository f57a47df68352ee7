import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { pino } from 'pino'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { refused } from '../../kernel/index.ts'
import { type Database, openDatabase } from '../database/index.ts'
import { startTestServer, testDatabase } from '../database/testing/index.ts'
import { type Jobs, type JobsDeps, startJobs } from './index.ts'
import { doEffect, EFFECTS, makeEffectsTable } from './testing/effects.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const CHILD = fileURLToPath(new URL('./testing/worker-child.ts', import.meta.url))
const PATIENCE = { timeout: 60_000, interval: 20 }

let database: Database
const started: Jobs[] = []

/** Under way from the beginning: it takes up to a minute, in which the other tests run. */
let firstOfSchedule: Promise<readonly string[]>

beforeAll(async () => {
  await (await testDatabase()).close()
  firstOfSchedule = untilScheduleComesDue()
  // Whether it failed is for its test to say.
  firstOfSchedule.catch(() => {})
})
beforeEach(async () => {
  database = await testDatabase()
  await makeEffectsTable(database)
})
afterEach(async () => {
  await Promise.all(started.splice(0).map((jobs) => jobs.stop()))
  await database.close()
})

test('a job is there exactly when the transaction that it was put into is', async () => {
  const jobs = await start()
  await database.db.transaction().execute((tx) => jobs.enqueue(tx, EFFECTS, { word: 'kept' }))
  await expect(
    database.db.transaction().execute(async (tx) => {
      await jobs.enqueue(tx, EFFECTS, { word: 'lost' })
      throw new Error('the state failed')
    }),
  ).rejects.toThrow('the state failed')
  await jobs.enqueue(undefined, EFFECTS, { word: 'alone' })
  expect(await jobs.stats()).toMatchObject([{ queue: 'test.effects', waiting: 2, running: 0 }])
  await work(jobs)
  await vi.waitFor(async () => expect(await effects()).toEqual(['alone', 'kept']), PATIENCE)
  await vi.waitFor(
    async () =>
      expect(await jobs.stats()).toEqual([
        { queue: 'test.effects', waiting: 0, running: 0, failed: 0, deadLetters: 0, oldestWaitingMs: 0 },
      ]),
    PATIENCE,
  )
})

test('the same key is one job, also when it is done already, also from many at once', async () => {
  const jobs = await start()
  const enqueue = () =>
    database.db.transaction().execute((tx) => jobs.enqueue(tx, EFFECTS, { word: 'once' }, { key: 'k' }))
  const answers = await Promise.all(Array.from({ length: 8 }, enqueue))
  expect(answers.filter(Boolean)).toHaveLength(1)
  await work(jobs)
  await vi.waitFor(async () => expect(await effects()).toEqual(['once']), PATIENCE)
  expect(await enqueue()).toBe(false)
  expect(await jobs.enqueue(undefined, EFFECTS, { word: 'other' }, { key: 'l' })).toBe(true)
  await vi.waitFor(async () => expect(await effects()).toEqual(['once', 'other']), PATIENCE)
})

test('many jobs run at the same time, and none waits for the clock', async () => {
  const jobs = await start()
  for (let number = 0; number < 200; number++)
    await jobs.enqueue(undefined, EFFECTS, { word: String(number) })
  let running = 0
  let most = 0
  let done = 0
  await jobs.work(
    EFFECTS,
    async () => {
      most = Math.max(most, ++running)
      await delay(1)
      running--
      done++
    },
    { concurrency: 8, pollSeconds: 60 },
  )
  await vi.waitFor(() => expect(done).toBe(200), PATIENCE)
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(8)
})

test('a job whose time has not come is not done', async () => {
  const jobs = await start()
  await jobs.enqueue(undefined, EFFECTS, { word: 'later' }, { startAfterMs: Date.now() + 3_600_000 })
  await jobs.enqueue(undefined, EFFECTS, { word: 'now' }, { startAfterMs: Date.now() - 1_000 })
  await work(jobs)
  await vi.waitFor(async () => expect(await effects()).toEqual(['now']), PATIENCE)
  expect(await jobs.stats()).toMatchObject([{ waiting: 1 }])
})

test('a job that fails is tried again, the others of its batch are not', async () => {
  const jobs = await start()
  for (const word of ['a', 'bad', 'b']) await jobs.enqueue(undefined, EFFECTS, { word })
  const tries: string[] = []
  await jobs.work(
    EFFECTS,
    async (job) => {
      tries.push(`${job.data.word}${job.attempt}`)
      if (job.data.word === 'bad' && job.attempt < 3) throw new Error('not yet')
      await doEffect(database, job)
    },
    { pollSeconds: 1 },
  )
  await vi.waitFor(async () => expect(await effects()).toEqual(['a', 'b', 'bad']), PATIENCE)
  expect(tries.toSorted()).toEqual(['a1', 'b1', 'bad1', 'bad2', 'bad3'])
})

test('what is tried often enough, is refused or cannot be read ends in the dead letters, and can be put back', async () => {
  const queue = { ...EFFECTS, name: 'test.doomed', maxRetries: 1 }
  const jobs = await start({ queues: [queue] })
  let isMended = false
  let failures = 0
  await jobs.work(
    queue,
    async (job) => {
      if (isMended) return doEffect(database, job)
      if (job.data.word === 'refused') return refused({ code: 'NO', text: 'This is not to be.' })
      failures++
      throw new Error('broken again')
    },
    { pollSeconds: 1 },
  )
  await jobs.enqueue(undefined, queue, { word: 'failing' }, { key: 'f' })
  await jobs.enqueue(undefined, queue, { word: 'refused' }, { key: 'r' })
  // Written by an older program, for example.
  await jobs.enqueue(undefined, queue as never, { text: 'no word' } as never)
  await vi.waitFor(async () => expect(await jobs.stats()).toMatchObject([{ deadLetters: 3 }]), PATIENCE)
  expect(failures).toBe(2)
  const letters = await jobs.deadLetters(queue)
  expect(
    letters.map(({ key, reason }) => [key, reason]).toSorted((a, b) => (a[1]! < b[1]! ? -1 : 1)),
  ).toEqual([
    ['r', 'This is not to be.'],
    [undefined, 'a word is missing'],
    ['f', 'broken again'],
  ])
  isMended = true
  expect(await jobs.redrive(queue)).toBe(3)
  await vi.waitFor(async () => expect(await effects()).toEqual(['failing', 'refused']), PATIENCE)
})

test('a try that has been taken over changes nothing', async () => {
  const jobs = await start({ superviseIntervalSeconds: 1 })
  await jobs.enqueue(undefined, EFFECTS, { word: 'slow' })
  const ends: string[] = []
  await jobs.work(
    EFFECTS,
    async (job) => {
      // The first try sleeps beyond its two seconds; it comes back after the second has done the work.
      if (job.attempt === 1) await vi.waitFor(async () => expect(await effects()).toEqual(['slow']), PATIENCE)
      try {
        await doEffect(database, job)
        ends.push(`${job.attempt} done`)
      } catch (error) {
        ends.push(`${job.attempt} ${error instanceof Error && 'code' in error ? error.code : error}`)
        throw error
      }
    },
    { pollSeconds: 1 },
  )
  await vi.waitFor(() => expect(ends.toSorted()).toEqual(['1 JOBS_CLAIM_LOST', '2 done']), PATIENCE)
  expect(await effects()).toEqual(['slow'])
})

test('jobs of a worker that was killed run again, and each has its effect exactly once', async () => {
  const jobs = await start({ superviseIntervalSeconds: 1 })
  const words = Array.from({ length: 120 }, (_, number) => `w${String(number).padStart(3, '0')}`)
  for (const word of words) await jobs.enqueue(undefined, EFFECTS, { word }, { key: word })
  let begun = 0
  for (let kill = 0; kill < 3; kill++) {
    const child = spawn(process.execPath, [CHILD, database.url], { stdio: ['ignore', 'pipe', 'inherit'] })
    const lines: string[] = []
    createInterface(child.stdout).on('line', (line) => lines.push(line))
    // In the middle of a job.
    await vi.waitFor(
      () => {
        expect(lines.length).toBeGreaterThan(12 + kill * 7)
        expect(lines.at(-1)).toMatch(/^begin/)
      },
      { timeout: 60_000, interval: 2 },
    )
    const ended = once(child, 'close')
    child.kill('SIGKILL')
    await ended
    begun += lines.filter((line) => line.startsWith('begin')).length
    const done = lines.filter((line) => line.startsWith('done')).map((line) => line.slice(5))
    expect(await effects()).toEqual(expect.arrayContaining(done))
  }
  // Some were under way each time: these must come back.
  expect(begun).toBeGreaterThan((await effects()).length)
  await work(jobs)
  await vi.waitFor(async () => expect(await effects()).toEqual(words), PATIENCE)
  await vi.waitFor(
    async () =>
      expect(await jobs.stats()).toMatchObject([{ waiting: 0, running: 0, failed: 0, deadLetters: 0 }]),
    PATIENCE,
  )
  expect(await effects()).toEqual(words)
})

test('whoever ends the work on a queue does no job of it any more, and another begins anew', async () => {
  const jobs = await start()
  const end = await jobs.work(EFFECTS, async (job) => doEffect(database, job), { pollSeconds: 1 })
  await jobs.enqueue(undefined, EFFECTS, { word: 'before' })
  await vi.waitFor(async () => expect(await effects()).toEqual(['before']), PATIENCE)
  await end()
  await jobs.enqueue(undefined, EFFECTS, { word: 'after' })
  const done: string[] = []
  await jobs.work(EFFECTS, async (job) => void done.push(job.data.word), { pollSeconds: 1 })
  await vi.waitFor(() => expect(done).toEqual(['after']), PATIENCE)
  expect(await effects()).toEqual(['before'])
})

test('what was given up is shown by pages, and one of it is tried again or forgotten', async () => {
  const queue = { ...EFFECTS, maxRetries: 0 }
  const jobs = await start({ queues: [queue] })
  let isMended = false
  await jobs.work(
    queue,
    async (job) => {
      if (!isMended) return refused({ code: 'NOT_NOW', text: `not ${job.data.word}` })
      return doEffect(database, job)
    },
    { pollSeconds: 1 },
  )
  for (const word of ['one', 'two', 'three']) {
    await jobs.enqueue(undefined, queue, { word })
    await vi.waitFor(async () => expect((await jobs.failures())[0]?.reason).toBe(`not ${word}`), PATIENCE)
  }
  const [newest, ...others] = await jobs.failures()
  expect(others).toHaveLength(2)
  expect(await jobs.failures({ limit: 1 })).toEqual([newest])
  expect(await jobs.failures({ after: newest!.id })).toEqual(others)
  expect(await jobs.failures({ queue: 'another' })).toEqual([])
  isMended = true
  expect(await jobs.retry(newest!.id)).toBe(true)
  expect(await jobs.remove(others[0]!.id)).toBe(true)
  await vi.waitFor(async () => expect(await effects()).toEqual(['three']), PATIENCE)
  expect(await jobs.failures()).toEqual([others[1]])
  expect(await jobs.retry(newest!.id)).toBe(false)
  expect(await jobs.remove(others[0]!.id)).toBe(false)
})

test('a schedule says when it is due next', async () => {
  const jobs = await start()
  await jobs.schedule(EFFECTS, '5 0 * * *', { word: 'midnight' })
  const [schedule, ...others] = await jobs.schedules()
  expect(others).toEqual([])
  expect(schedule).toMatchObject({ queue: 'test.effects', cron: '5 0 * * *', timeZone: 'UTC' })
  const next = new Date(schedule?.nextRunMs ?? 0)
  expect([next.getUTCHours(), next.getUTCMinutes()]).toEqual([0, 5])
  expect(next.getTime()).toBeGreaterThan(Date.now() - 1_000)
})

test('a worker goes on after the database was away', async () => {
  const server = await startTestServer()
  const own = await openDatabase({
    url: server.url(),
    dataDir: '',
    logger: pino({ level: 'silent' }),
    poolSize: 4,
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
  })
  const jobs = await startJobs({
    database: own,
    logger: pino({ level: 'silent' }),
    queues: [EFFECTS],
    supervise: true,
  })
  const words: string[] = []
  await jobs.work(EFFECTS, async (job) => void words.push(job.data.word), { pollSeconds: 1 })
  await jobs.enqueue(undefined, EFFECTS, { word: 'before' })
  await vi.waitFor(() => expect(words).toEqual(['before']), PATIENCE)
  await server.shutDown()
  await expect(jobs.enqueue(undefined, EFFECTS, { word: 'meanwhile' })).rejects.toThrow()
  await server.start()
  await vi.waitFor(() => jobs.enqueue(undefined, EFFECTS, { word: 'after' }, { key: 'after' }), PATIENCE)
  await vi.waitFor(() => expect(words).toEqual(['before', 'after']), PATIENCE)
  await jobs.stop()
  await own.close()
  await server.close()
})

test('a schedule makes a job by the clock; the same key changes it, and it can be taken back', async () => {
  const jobs = await start()
  await work(jobs)
  await jobs.schedule(EFFECTS, '0 0 1 1 *', { word: 'yearly' }, { key: 'mine' })
  await jobs.schedule(EFFECTS, '0 4 * * *', { word: 'nightly' }, { key: 'mine', timeZone: 'Europe/Vienna' })
  const schedules = () => sql`SELECT key, cron, timezone, data FROM pgboss.schedule`.execute(database.db)
  expect((await schedules()).rows).toEqual([
    { key: 'mine', cron: '0 4 * * *', timezone: 'Europe/Vienna', data: { word: 'nightly' } },
  ])
  await jobs.unschedule(EFFECTS, 'mine')
  expect((await schedules()).rows).toEqual([])
})

test('what cannot be kept is refused: an unknown queue, too much data, an empty key', async () => {
  const jobs = await start()
  const code = { code: 'JOBS_INVALID' }
  await expect(jobs.enqueue(undefined, { ...EFFECTS, name: 'other' }, { word: 'x' })).rejects.toMatchObject(
    code,
  )
  await expect(jobs.enqueue(undefined, EFFECTS, { word: 'x'.repeat(70_000) })).rejects.toMatchObject(code)
  await expect(jobs.enqueue(undefined, EFFECTS, { word: 'x' }, { key: '' })).rejects.toMatchObject(code)
})

test('a program that starts again with other settings changes its queue', async () => {
  await start()
  await start({ queues: [{ ...EFFECTS, maxRetries: 9 }] })
  const { rows } = await sql`SELECT retry_limit FROM pgboss.queue WHERE name = 'test.effects'`.execute(
    database.db,
  )
  expect(rows).toEqual([{ retry_limit: 9 }])
})

test('a schedule comes due once, however many processes look after it', async () => {
  expect(await firstOfSchedule).toEqual(['minutely'])
}, 180_000)

async function start(deps: Partial<JobsDeps> = {}): Promise<Jobs> {
  const jobs = await startJobs({ ...usualDeps(database), ...deps })
  started.push(jobs)
  return jobs
}

function usualDeps(of: Database): JobsDeps {
  return { database: of, logger: pino({ level: 'silent' }), queues: [EFFECTS], supervise: true }
}

/** What has been done, on a database of its own, when a schedule of each minute has come due for the first time. */
async function untilScheduleComesDue(): Promise<readonly string[]> {
  const own = await testDatabase()
  await makeEffectsTable(own)
  const [one, other] = [await startJobs(usualDeps(own)), await startJobs(usualDeps(own))]
  try {
    await Promise.all([work(one, own), work(other, own)])
    await one.schedule(EFFECTS, '* * * * *', { word: 'minutely' })
    await vi.waitFor(async () => expect(await effects(own)).toContain('minutely'), {
      timeout: 150_000,
      interval: 100,
    })
    return await effects(own)
  } finally {
    await Promise.all([one.stop(), other.stop()])
    await own.close()
  }
}

async function work(jobs: Jobs, on: Database = database): Promise<void> {
  await jobs.work(EFFECTS, (job) => doEffect(on, job), { pollSeconds: 1 })
}

async function effects(on: Database = database): Promise<readonly string[]> {
  const { rows } = await sql<{ word: string }>`SELECT word FROM effects ORDER BY word`.execute(on.db)
  return rows.map(({ word }) => word)
}
