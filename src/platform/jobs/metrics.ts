import { keptFor, METRIC_LOOK_MS, Meter, type Registry, type Sample } from '../index.ts'
import type { QueueStats } from './jobs.ts'

/** Names what `/metrics` says of the queues of jobs. They are counted in the database, when asked for. */
export function registerJobsMetrics(
  registry: Registry,
  stats: () => Promise<readonly QueueStats[]> | undefined,
): void {
  const meter = new Meter(registry)
  const counted = keptFor(METRIC_LOOK_MS, stats)
  const add = (name: string, help: string, read: (queue: QueueStats) => number): void =>
    meter.gauges(name, help, ['queue'], async () =>
      ((await counted()) ?? []).map((queue): Sample => [[queue.queue], read(queue)]),
    )
  add('stoa_jobs_waiting', 'Jobs to be done now or later.', ({ waiting }) => waiting)
  add('stoa_jobs_running', 'Jobs that are being done.', ({ running }) => running)
  add('stoa_jobs_failed', 'Jobs that failed and are kept for a while.', ({ failed }) => failed)
  add(
    'stoa_jobs_dead_letters',
    'Jobs that were given up and wait for a person.',
    (queue) => queue.deadLetters,
  )
  add(
    'stoa_jobs_oldest_waiting_seconds',
    'How far the oldest job is beyond its time; 0 when none is late.',
    ({ oldestWaitingMs }) => oldestWaitingMs / 1_000,
  )
}
