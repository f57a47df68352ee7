import { sql, type Transaction } from 'kysely'
import { fromKysely, PgBoss } from 'pg-boss'
import { AppError } from '../../kernel/index.ts'
import type { Database, Tables } from '../database/index.ts'
import type { Logger } from '../logging.ts'
import {
  type DeadLetter,
  deadLettersOf,
  type FailurePage,
  failuresOf,
  queueOfDeadLetter,
} from './dead-letters.ts'
import { jobIdOf } from './job-id.ts'
import {
  type AnyJobQueue,
  bossOptions,
  DEAD_LETTER_OPTIONS,
  deadLetterName,
  type JobQueue,
} from './job-queue.ts'
import { type JobHandler, runBatch } from './run-batch.ts'

/** Work that is done later, kept in the database. */
export interface Jobs {
  /**
   * Puts a job into the caller's transaction, so that it is there exactly when the state that it follows is; without a
   * transaction it is there when this resolves. False when the queue has seen the key within the last week.
   */
  enqueue<T extends object>(
    tx: Transaction<Tables> | undefined,
    queue: JobQueue<T>,
    data: T,
    options?: EnqueueOptions,
  ): Promise<boolean>
  /** Starts to do the jobs of a queue in this process. @returns how to end that; what is under way is waited for. */
  work<T extends object>(
    queue: JobQueue<T>,
    handler: JobHandler<T>,
    options?: WorkOptions,
  ): Promise<() => Promise<void>>
  /** Puts a job into the queue by the clock, once for all processes; the same key again changes the schedule. */
  schedule<T extends object>(
    queue: JobQueue<T>,
    cron: string,
    data: T,
    options?: ScheduleOptions,
  ): Promise<void>
  unschedule(queue: AnyJobQueue, key?: string): Promise<void>
  /** How full each queue is, now. */
  stats(): Promise<readonly QueueStats[]>
  /** The oldest jobs that were given up, at most `limit` (100). */
  deadLetters(queue: AnyJobQueue, limit?: number): Promise<readonly DeadLetter[]>
  /** Puts at most `limit` (100) dead letters back into their queue, with all their tries; returns how many. */
  redrive(queue: AnyJobQueue, limit?: number): Promise<number>
  /** When jobs are put in by the clock, by all processes of the program. */
  schedules(): Promise<readonly JobSchedule[]>
  /** The jobs of all queues that were given up, the newest first. */
  failures(page?: FailurePage): Promise<readonly DeadLetter[]>
  /** Puts one dead letter back into its queue, with all its tries; false when there is none with this id. */
  retry(deadLetterId: string): Promise<boolean>
  /** Forgets one dead letter; false when there is none with this id. */
  remove(deadLetterId: string): Promise<boolean>
  /** Takes no more jobs, waits half a minute for those that run, and leaves the rest to others. */
  stop(): Promise<void>
}

export interface EnqueueOptions {
  /** Chosen by the caller: the same key twice is one job. At most 512 characters. */
  readonly key?: string
  /** Not before this time, in Unix milliseconds. */
  readonly startAfterMs?: number
}

export interface WorkOptions {
  /** Jobs of this queue that run at the same time in this process; at least 2. Default 8. */
  readonly concurrency?: number
  /**
   * How often to look for jobs whose time has come: those that are tried again and those with a later start. New jobs are
   * announced and need no looking. Default 5.
   */
  readonly pollSeconds?: number
}

export interface ScheduleOptions {
  /** Tells several schedules of one queue apart. */
  readonly key?: string
  /** A name of the time zone database. Default `UTC`. */
  readonly timeZone?: string
}

export interface QueueStats {
  readonly queue: string
  /** To be done now or later. */
  readonly waiting: number
  readonly running: number
  readonly failed: number
  readonly deadLetters: number
  /** Of the job that waits longest beyond its time; 0 when none does. */
  readonly oldestWaitingMs: number
}

/** When jobs are put into a queue by the clock. */
export interface JobSchedule {
  readonly queue: string
  /** Tells several schedules of one queue apart. */
  readonly key: string
  readonly cron: string
  readonly timeZone: string
  /** Unix time in milliseconds; undefined when there is none any more. */
  readonly nextRunMs: number | undefined
}

export interface JobsDeps {
  readonly database: Database
  readonly logger: Logger
  /** All queues of the program. They are made when they are not there, and take on new settings. */
  readonly queues: readonly AnyJobQueue[]
  /** True in processes that look after lost jobs and schedules; one that only enqueues leaves it to them. */
  readonly supervise: boolean
  /** How often lost jobs are looked for. Default 10. */
  readonly superviseIntervalSeconds?: number
}

/** Beside one more that listens. */
const POOL_SIZE = 4
const DEFAULT_SUPERVISE_INTERVAL_SECONDS = 10
/** Longer names and data belong into a table, with the job naming the row. */
const MAX_KEY_LENGTH = 512
const MAX_DATA_BYTES = 64 * 1024
const DEFAULT_CONCURRENCY = 8
const DEFAULT_POLL_SECONDS = 5
/** Two, so that one long batch does not hold up the queue. */
const BATCHES = 2
const MIN_BATCH_SIZE = 2
const STOP_TIMEOUT_MS = 30_000
const DEFAULT_REDRIVEN = 100

/** Connects the job runner and makes the queues; jobs run from the first `work` on. */
export async function startJobs(deps: JobsDeps): Promise<Jobs> {
  const { database, logger, queues, supervise } = deps
  const interval = deps.superviseIntervalSeconds ?? DEFAULT_SUPERVISE_INTERVAL_SECONDS
  const boss = new PgBoss({
    connectionString: database.url,
    application_name: 'stoa jobs',
    max: POOL_SIZE,
    useListenNotify: true,
    supervise,
    schedule: supervise,
    superviseIntervalSeconds: interval,
    monitorIntervalSeconds: interval,
  })
  boss.on('error', (err) => logger.error({ err }, 'jobs.failed'))
  boss.on('warning', ({ message }) => logger.warn({ message }, 'jobs.warning'))
  await boss.start()
  try {
    for (const queue of queues) await makeQueue(boss, queue)
  } catch (error) {
    await boss.stop({ graceful: false })
    throw error
  }
  const names = new Set(queues.map(({ name }) => name))
  const known = (queue: AnyJobQueue) => {
    if (names.has(queue.name)) return queue.name
    throw new AppError(
      'JOBS_INVALID',
      `The queue ${queue.name} is not among those that the program started with.`,
    )
  }
  return {
    enqueue: async (tx, queue, data, options = {}) => {
      const db = tx === undefined ? {} : { db: fromKysely(tx) }
      const id = await boss.send(known(queue), bounded(data), { ...sendOptions(queue.name, options), ...db })
      return id !== null
    },
    work: async (
      queue,
      handler,
      { concurrency = DEFAULT_CONCURRENCY, pollSeconds = DEFAULT_POLL_SECONDS } = {},
    ) => {
      // A batch of one makes the runner wait out its polling interval after each job.
      const batchSize = Math.max(MIN_BATCH_SIZE, Math.ceil(concurrency / BATCHES))
      const localConcurrency = Math.max(1, Math.floor(concurrency / batchSize))
      const id = await boss.work(
        known(queue),
        {
          pollingIntervalSeconds: pollSeconds,
          notifyPollingIntervalSeconds: pollSeconds,
          batchSize,
          localConcurrency,
          perJobResults: true,
          includeMetadata: true,
          burstWhenBatchFull: true,
        },
        (batch) => runBatch(boss, queue, handler, batch, logger),
      )
      return () => boss.offWork(queue.name, { id, wait: true })
    },
    schedule: (queue, cron, data, { key = '', timeZone = 'UTC' } = {}) =>
      boss.schedule(known(queue), cron, bounded(data), { tz: timeZone, key, missed: 'once' }),
    unschedule: (queue, key = '') => boss.unschedule(known(queue), key),
    stats: () => statsOf(database, [...names]),
    deadLetters: (queue, limit) => deadLettersOf(database, known(queue), limit),
    redrive: (queue, limit = DEFAULT_REDRIVEN) => boss.redrive(deadLetterName(known(queue)), { limit }),
    schedules: () => schedulesOf(boss, names),
    failures: (page = {}) => failuresOf(database, [...names], page),
    retry: async (id) => {
      const queue = await queueOfDeadLetter(database, [...names], id)
      return queue !== undefined && (await boss.redrive(deadLetterName(queue), { ids: [id] })) === 1
    },
    remove: async (id) => {
      const queue = await queueOfDeadLetter(database, [...names], id)
      if (queue === undefined) return false
      await boss.deleteJob(deadLetterName(queue), id)
      return true
    },
    stop: () => boss.stop({ graceful: true, timeout: STOP_TIMEOUT_MS }),
  }
}

async function makeQueue(boss: PgBoss, queue: AnyJobQueue): Promise<void> {
  await boss.createQueue(deadLetterName(queue.name), DEAD_LETTER_OPTIONS)
  await boss.createQueue(queue.name, bossOptions(queue))
  // It may have been made by an older version of the program, with other settings.
  await boss.updateQueue(queue.name, bossOptions(queue))
}

function sendOptions(queueName: string, { key, startAfterMs }: EnqueueOptions) {
  if (key !== undefined && (key === '' || key.length > MAX_KEY_LENGTH)) {
    throw new AppError(
      'JOBS_INVALID',
      `A job's key has 1 to ${MAX_KEY_LENGTH} characters, not ${key.length}.`,
    )
  }
  return {
    // The id is what makes the key unique; beside it the key itself, for people and for dead letters.
    ...(key === undefined ? {} : { id: jobIdOf(queueName, key), singletonKey: key }),
    ...(startAfterMs === undefined ? {} : { startAfter: new Date(startAfterMs) }),
  }
}

function bounded<T extends object>(data: T): T {
  const bytes = Buffer.byteLength(JSON.stringify(data))
  if (bytes <= MAX_DATA_BYTES) return data
  throw new AppError('JOBS_INVALID', `A job's data has ${bytes} bytes; ${MAX_DATA_BYTES} is the most.`, {
    facts: { bytes },
  })
}

async function statsOf({ db }: Database, names: readonly string[]): Promise<readonly QueueStats[]> {
  const all = [...names, ...names.map(deadLetterName)]
  // Counted, and not taken from the runner's cache, which may be a minute old.
  const { rows } = await sql<{
    name: string
    waiting: bigint
    running: bigint
    failed: bigint
    late: number
  }>`
    SELECT name,
      count(*) FILTER (WHERE state IN ('created', 'retry')) AS waiting,
      count(*) FILTER (WHERE state = 'active') AS running,
      count(*) FILTER (WHERE state = 'failed') AS failed,
      coalesce(max(extract(epoch FROM now() - start_after)) FILTER (WHERE state IN ('created', 'retry')), 0)::float8 AS late
    FROM pgboss.job
    WHERE name = ANY(${all}) AND state <> 'completed'
    GROUP BY name`.execute(db)
  const byName = new Map(rows.map((row) => [row.name, row]))
  return names.map((queue) => {
    const row = byName.get(queue)
    return {
      queue,
      waiting: Number(row?.waiting ?? 0),
      running: Number(row?.running ?? 0),
      failed: Number(row?.failed ?? 0),
      deadLetters: Number(byName.get(deadLetterName(queue))?.waiting ?? 0),
      oldestWaitingMs: Math.max(0, Math.round((row?.late ?? 0) * 1000)),
    }
  })
}

async function schedulesOf(boss: PgBoss, names: ReadonlySet<string>): Promise<readonly JobSchedule[]> {
  const schedules = await boss.getSchedules()
  return schedules
    .filter(({ name }) => names.has(name))
    .map(({ name, key, cron, timezone }) => ({
      queue: name,
      key,
      cron,
      timeZone: timezone,
      nextRunMs: boss.previewSchedule(cron, { tz: timezone, count: 1 })[0]?.getTime(),
    }))
}
