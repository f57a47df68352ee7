import { sql } from 'kysely'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../../platform/database/index.ts'
import { testDatabase } from '../../platform/database/testing/index.ts'
import { type Jobs, startJobs } from '../../platform/jobs/index.ts'
import { testPeople } from '../testing/test-people.ts'
import { MAIL_QUEUE } from './mail-queue.ts'
import type { Mail } from './mailer.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 })

const PATIENCE = { timeout: 60_000, interval: 20 }
/** The queue as it is, but for the minutes between its tries. */
const QUEUE = { ...MAIL_QUEUE, maxRetries: 2, retryDelaySeconds: 1, retryDelayMaxSeconds: 1 }
const ann = { email: 'ann@example.org', password: 'correct horse battery', from: '192.0.2.1' }

let database: Database
let jobs: Jobs
let lines: string[]
/** Mails that the mail server sends away before it takes one. */
let refusals: number
let taken: Mail[]

beforeEach(async () => {
  database = await testDatabase()
  lines = []
  refusals = 0
  taken = []
  const logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  jobs = await startJobs({
    database,
    logger,
    queues: [QUEUE],
    supervise: true,
    superviseIntervalSeconds: 1,
  })
})
afterEach(async () => {
  await jobs.stop()
  await database.close()
})

/** As the composition root puts it together. */
function people() {
  return testPeople(database, {
    deps: {
      enqueueMail: async (tx, job) => void (await jobs.enqueue(tx, QUEUE, job, { key: job.mailId })),
      mailer: {
        send: async (mail) => {
          if (refusals > 0) {
            refusals -= 1
            throw new Error('451 greylisted, try again later')
          }
          taken.push(mail)
        },
        close: () => {},
      },
    },
  })
}

const doJobs = ({ accounts }: ReturnType<typeof people>) =>
  jobs.work(QUEUE, (job) => accounts.sendMail(job.data, (tx) => job.completeIn(tx)), { pollSeconds: 1 })
const codeIn = (mail: Mail | undefined) => /token=(\S+)/.exec(mail?.text ?? '')?.[1] ?? ''

test('a mail that is promised while nobody does the jobs is sent when somebody does, once, and its code is good', async () => {
  const there = people()
  expect(await there.accounts.signUp(ann)).toMatchObject({ ok: true })
  await there.accounts.settled()
  expect(await jobs.stats()).toMatchObject([{ queue: 'accounts.mail', waiting: 1 }])
  await doJobs(there)
  await vi.waitFor(() => expect(taken).toHaveLength(1), PATIENCE)
  expect(await there.accounts.confirmEmail(codeIn(taken[0]))).toMatchObject({ ok: true })
  await vi.waitFor(async () => expect(await there.accounts.waitingMails()).toEqual([]), PATIENCE)
  expect(await jobs.stats()).toMatchObject([{ waiting: 0, running: 0 }])
  expect(taken).toHaveLength(1)
})

test('a mail that is sent away at first is sent again, and one that nobody takes waits for a person', async () => {
  const there = people()
  await doJobs(there)
  refusals = 2
  await there.accounts.signUp(ann)
  await vi.waitFor(() => expect(taken).toHaveLength(1), PATIENCE)
  refusals = 3
  await there.accounts.signUp({ ...ann, email: 'bob@example.org' })
  await vi.waitFor(async () => expect(await jobs.failures()).toHaveLength(1), PATIENCE)
  const [failure] = await jobs.failures()
  expect(failure).toMatchObject({ queue: 'accounts.mail', reason: '451 greylisted, try again later' })
  expect(await jobs.retry(failure!.id)).toBe(true)
  await vi.waitFor(() => expect(taken.map(({ to }) => to)).toEqual([ann.email, 'bob@example.org']), PATIENCE)
  expect(await jobs.failures()).toEqual([])
})

test('neither the jobs nor the log hold an address, a password or a code, before the mail is sent or after', async () => {
  const there = people()
  refusals = 1
  await there.accounts.signUp(ann)
  await there.accounts.settled()
  const before = await everythingInJobs()
  await doJobs(there)
  await vi.waitFor(() => expect(taken).toHaveLength(1), PATIENCE)
  const said = [before, await everythingInJobs(), ...lines].join('\n')
  expect(before).toContain('mailId')
  for (const secret of [ann.email, ann.password, '$argon2', codeIn(taken[0])])
    expect(said).not.toContain(secret)
})

test('a password is changed together with the promise of the mail that says so, or not at all', async () => {
  const there = people()
  await doJobs(there)
  await there.accounts.signUp(ann)
  await vi.waitFor(() => expect(taken).toHaveLength(1), PATIENCE)
  await there.accounts.confirmEmail(codeIn(taken[0]))
  await there.accounts.requestReset(ann)
  await vi.waitFor(() => expect(taken).toHaveLength(2), PATIENCE)
  const reset = { token: codeIn(taken[1]), password: 'quite another one' }

  const broken = testPeople(database, {
    deps: { enqueueMail: () => Promise.reject(new Error('no jobs today')) },
  })
  await expect(broken.accounts.resetPassword(reset)).rejects.toThrow('no jobs today')
  expect(await there.accounts.signIn(ann)).toMatchObject({ ok: true })

  expect(await there.accounts.resetPassword(reset)).toMatchObject({ ok: true })
  await vi.waitFor(() => expect(taken.at(-1)?.subject).toBe('Your password was changed'), PATIENCE)
  expect(await there.accounts.signIn(ann)).toMatchObject({ ok: false })
})

test('a mail whose time is over is not sent, and the sweep forgets it', async () => {
  const there = people()
  await there.accounts.signUp(ann)
  await there.accounts.settled()
  expect(await there.accounts.waitingMails()).toHaveLength(1)
  there.clock.advanceSeconds(24 * 3600)
  expect(await there.accounts.waitingMails()).toEqual([])
  await there.accounts.sweep()
  const { rows } = await sql`SELECT 1 FROM account_mails`.execute(database.db)
  expect(rows).toEqual([])
  await doJobs(there)
  await vi.waitFor(
    async () => expect(await jobs.stats()).toMatchObject([{ waiting: 0, running: 0 }]),
    PATIENCE,
  )
  expect(taken).toEqual([])
})

async function everythingInJobs(): Promise<string> {
  const { rows } = await sql<{ all: string }>`SELECT row_to_json(job)::text AS all FROM pgboss.job`.execute(
    database.db,
  )
  return rows.map(({ all }) => all).join('\n')
}
