/** What operators see of jobs, and what they do about those that were given up. Any process with a database can. */
import type { JobQueueFacts, JobsDesk } from './console/index.ts'
import { accepted, type Refusal, refused } from './kernel/index.ts'
import type { Jobs } from './platform/jobs/index.ts'
import { writeDown } from './stoa-audit.ts'
import type { Office } from './stoa-office.ts'

/** Undefined until the job runner is up. */
export function jobsDesk(office: Office | undefined): JobsDesk | undefined {
  const jobs = office?.jobs()
  if (jobs === undefined) return undefined
  return {
    queues: () => queuesOf(jobs),
    failures: async (page) =>
      (await jobs.failures(page)).map(({ id, queue, key, data, reason, sinceMs }) => ({
        id,
        queue,
        ...(key !== undefined && { key }),
        data: JSON.stringify(data ?? null),
        reason,
        failedAtMs: sinceMs,
      })),
    retry: async (id, by) => {
      const written = await writeDown(office, { ...by, action: 'job.retried', subject: id })
      if (!written.ok) return written
      return (await jobs.retry(id)) ? accepted(undefined) : refused(NOT_THERE)
    },
    remove: async (id, by) => {
      const written = await writeDown(office, { ...by, action: 'job.removed', subject: id })
      if (!written.ok) return written
      return (await jobs.remove(id)) ? accepted(undefined) : refused(NOT_THERE)
    },
  }
}

async function queuesOf(jobs: Jobs): Promise<readonly JobQueueFacts[]> {
  const [stats, schedules] = await Promise.all([jobs.stats(), jobs.schedules()])
  return stats.map(({ queue, waiting, running, failed, deadLetters, oldestWaitingMs }) => {
    const schedule = schedules.find((one) => one.queue === queue)
    return {
      name: queue,
      queued: waiting,
      active: running,
      failed,
      deadLetters,
      oldestWaitingMs,
      ...(schedule !== undefined && { schedule: `${schedule.cron} ${schedule.timeZone}` }),
      ...(schedule?.nextRunMs !== undefined && { nextRunAtMs: schedule.nextRunMs }),
    }
  })
}

const NOT_THERE: Refusal = { code: 'NOT_FOUND', text: 'there is no failed job with this id' }
