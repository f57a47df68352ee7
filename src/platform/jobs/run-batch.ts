import type { Transaction } from 'kysely'
import { fromKysely, type JobResult, type JobWithMetadata, type PgBoss } from 'pg-boss'
import { AppError, type Outcome } from '../../kernel/index.ts'
import type { Tables } from '../database/index.ts'
import type { Logger } from '../logging.ts'
import type { JobQueue } from './job-queue.ts'

/** One try at one job. */
export interface RunningJob<T extends object> {
  readonly id: string
  /** As the caller of `enqueue` chose it. */
  readonly key: string | undefined
  readonly data: T
  /** 1 at the first try. */
  readonly attempt: number
  /** Aborts when this try is no longer the one that counts. */
  readonly signal: AbortSignal
  /**
   * Makes the job done in the handler's own transaction, so that its effect and its end are one: a try that was lost
   * and comes back cannot do it twice. Throws, and with that rolls back, when another try has taken over.
   */
  completeIn(tx: Transaction<Tables>): Promise<void>
}

/**
 * Does one job. What it throws is tried again later; a refusal is not, and sends the job to the dead letters at once.
 * It may run more than once: either it is harmless to repeat, or it ends with `completeIn`.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: most handlers return nothing at all, and some a refusal.
export type JobHandler<T extends object> = (job: RunningJob<T>) => Promise<Outcome<unknown> | void>

/** Runs the jobs of a batch side by side and says of each how it ended; never rejects. */
export async function runBatch<T extends object>(
  boss: PgBoss,
  queue: JobQueue<T>,
  handler: JobHandler<T>,
  batch: readonly JobWithMetadata<unknown>[],
  logger: Logger,
): Promise<JobResult[]> {
  return Promise.all(batch.map((job) => runOne(boss, queue, handler, job, logger)))
}

async function runOne<T extends object>(
  boss: PgBoss,
  queue: JobQueue<T>,
  handler: JobHandler<T>,
  job: JobWithMetadata<unknown>,
  logger: Logger,
): Promise<JobResult> {
  const { id } = job
  const facts = { queue: queue.name, jobId: id, attempt: job.retryCount + 1 }
  const data = parse(queue, job.data)
  if (!data.ok) {
    logger.error({ ...facts, reason: data.refusal.text }, 'jobs.data_unreadable')
    return { id, status: 'deadletter', output: { message: data.refusal.text } }
  }
  try {
    const outcome = await handler(runningJob(boss, queue, job, data.value))
    if (!outcome || outcome.ok) return { id, status: 'completed' }
    logger.warn({ ...facts, code: outcome.refusal.code }, 'jobs.refused')
    return { id, status: 'deadletter', output: { message: outcome.refusal.text } }
  } catch (err) {
    logger.warn({ ...facts, retriesLeft: job.retryLimit - job.retryCount, err }, 'jobs.try_failed')
    return { id, status: 'failed', output: { message: messageOf(err) } }
  }
}

function parse<T extends object>(queue: JobQueue<T>, data: unknown): Outcome<T> {
  try {
    return { ok: true, value: queue.parse(data) }
  } catch (error) {
    return { ok: false, refusal: { code: 'JOB_DATA_UNREADABLE', text: messageOf(error) } }
  }
}

function runningJob<T extends object>(
  boss: PgBoss,
  queue: JobQueue<T>,
  { id, singletonKey, retryCount, signal }: JobWithMetadata<unknown>,
  data: T,
): RunningJob<T> {
  return {
    id,
    key: singletonKey ?? undefined,
    data,
    attempt: retryCount + 1,
    signal,
    completeIn: async (tx) => {
      const response: object = await boss.complete(queue.name, { id, retryCount }, null, {
        db: fromKysely(tx),
      })
      if ('affected' in response && response.affected === 1) return
      throw new AppError(
        'JOBS_CLAIM_LOST',
        `The job ${id} of ${queue.name} has been taken over by another try.`,
        {
          facts: { queue: queue.name, jobId: id, attempt: retryCount + 1 },
        },
      )
    },
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
