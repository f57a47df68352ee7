/** The door of the jobs: declare a queue, put work into it, do it. */
export type { AnyJobQueue, JobQueue } from './job-queue.ts'
export {
  type DeadLetter,
  type EnqueueOptions,
  type Jobs,
  type JobsDeps,
  type QueueStats,
  type ScheduleOptions,
  startJobs,
  type WorkOptions,
} from './jobs.ts'
export type { JobHandler, RunningJob } from './run-batch.ts'
