/** The door of the jobs: declare a queue, put work into it, do it. */
export type { DeadLetter, FailurePage } from './dead-letters.ts'
export type { AnyJobQueue, JobQueue } from './job-queue.ts'
export {
  type EnqueueOptions,
  type JobSchedule,
  type Jobs,
  type JobsDeps,
  type QueueStats,
  type ScheduleOptions,
  startJobs,
  type WorkOptions,
} from './jobs.ts'
export { registerJobsMetrics } from './metrics.ts'
export type { JobHandler, RunningJob } from './run-batch.ts'
