/** Work that is done later, for all processes: which queues there are, and what does them. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Transaction } from 'kysely'
import { type Accounts, MAIL_QUEUE, type MailJob } from './accounts/index.ts'
import type { Database, Tables } from './platform/database/index.ts'
import type { ComponentHealth, Logger } from './platform/index.ts'
import { type JobQueue, type Jobs, startJobs } from './platform/jobs/index.ts'

/** A job that says nothing but that it is time. */
type Tick = Readonly<Record<string, never>>

function ticking(name: string, maxRetries: number): JobQueue<Tick> {
  return { name, parse: () => ({}), maxRetries, retryDelaySeconds: 30, retryDelayMaxSeconds: 900 }
}

/** Expired sessions, codes, keys; mails without a job. The next hour does what this one could not. */
const SWEEP_QUEUE = ticking('accounts.sweep', 3)
/** Tried until the relay takes it, up to some hours before the next day's. */
const CHECKPOINT_QUEUE = ticking('audit.checkpoint', 80)
const QUEUES = [MAIL_QUEUE, SWEEP_QUEUE, CHECKPOINT_QUEUE]

const EVERY_HOUR = '17 * * * *'
/** Shortly after midnight, UTC. */
const EVERY_DAY = '5 0 * * *'
/** What comes by the clock may wait that long for its time. */
const TICK_POLL_SECONDS = 30
const FIRST_PAUSE_MS = 1_000
const MAX_PAUSE_MS = 60_000

/** What the jobs are about. */
export interface JobsWork {
  readonly accounts: Pick<Accounts, 'sendMail' | 'waitingMails' | 'sweep'>
  /** Publishes the newest row of the audit log; what it throws is tried again. */
  readonly publishCheckpoint: () => Promise<unknown>
}

export interface OfficeJobsDeps {
  readonly logger: Logger
  /** Whether this process does the jobs (role `jobs`), or only puts them in. */
  readonly doesJobs: boolean
}

/** The job runner of the office. It comes up behind everything else, and is tried again when it does not. */
export class OfficeJobs {
  readonly #deps: OfficeJobsDeps
  readonly #stopping = new AbortController()
  #jobs: Jobs | undefined
  #starting: Promise<void> = Promise.resolve()
  #hasFailed = false

  constructor(deps: OfficeJobsDeps) {
    this.#deps = deps
  }

  /** Undefined until it has come up. */
  current(): Jobs | undefined {
    return this.#jobs
  }

  /** Puts the job into this transaction. Before the runner is up the mail's row alone is kept; the sweep finds it. */
  async enqueueMail(tx: Transaction<Tables>, job: MailJob): Promise<void> {
    await this.#jobs?.enqueue(tx, MAIL_QUEUE, job, { key: job.mailId })
  }

  /** Begins to start, and returns at once. */
  start(database: Database, work: JobsWork): void {
    this.#starting = this.#startWithPatience(database, work)
  }

  health(): ComponentHealth {
    if (this.#jobs !== undefined) return { status: 'ok', is: this.#deps.doesJobs ? 'working' : 'putting-in' }
    return { status: this.#hasFailed ? 'degraded' : 'ok', is: 'starting' }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#starting
    const jobs = this.#jobs
    this.#jobs = undefined
    await jobs?.stop()
  }

  async #startWithPatience(database: Database, work: JobsWork): Promise<void> {
    const { signal } = this.#stopping
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        this.#jobs = await this.#startOnce(database, work)
        this.#hasFailed = false
        return
      } catch (err) {
        this.#hasFailed = true
        this.#deps.logger.error({ err, nextTryMs: pauseMs }, 'jobs.start_failed')
      }
      // Aborting is how `stop` ends the pause.
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  async #startOnce(database: Database, work: JobsWork): Promise<Jobs> {
    const { logger, doesJobs } = this.#deps
    // Read when the office is open already: nobody waits for alerts who wants the relay.
    const { ALERT_QUEUES } = await import('./observatory/alerts/index.ts')
    const queues = [...QUEUES, ...ALERT_QUEUES]
    const jobs = await startJobs({ database, logger, queues, supervise: doesJobs })
    try {
      if (doesJobs) await doJobs(jobs, work)
      // Promised before the runner was up, or in a backup, which holds no jobs.
      await enqueueWaiting(jobs, work)
    } catch (error) {
      await jobs.stop()
      throw error
    }
    logger.info({ queues: queues.length, doesJobs }, 'jobs.started')
    return jobs
  }
}

async function doJobs(jobs: Jobs, { accounts, publishCheckpoint }: JobsWork): Promise<void> {
  await jobs.work(MAIL_QUEUE, (job) => accounts.sendMail(job.data, (tx) => job.completeIn(tx)))
  const seldom = { concurrency: 2, pollSeconds: TICK_POLL_SECONDS }
  await jobs.work(
    SWEEP_QUEUE,
    async () => {
      await accounts.sweep()
      await enqueueWaiting(jobs, { accounts })
    },
    seldom,
  )
  await jobs.work(CHECKPOINT_QUEUE, async () => void (await publishCheckpoint()), seldom)
  await jobs.schedule(SWEEP_QUEUE, EVERY_HOUR, {})
  await jobs.schedule(CHECKPOINT_QUEUE, EVERY_DAY, {})
}

/** Every mail that waits gets its job; those that have one keep it. */
async function enqueueWaiting(jobs: Jobs, { accounts }: Pick<JobsWork, 'accounts'>): Promise<void> {
  for (const job of await accounts.waitingMails())
    await jobs.enqueue(undefined, MAIL_QUEUE, job, { key: job.mailId })
}
