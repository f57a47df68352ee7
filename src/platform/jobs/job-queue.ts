/** A kind of work that is done later, by whichever process has the role: its name, its data, and how often it is tried. */
export interface JobQueue<T extends object> {
  /** Letters, digits, `_`, `-`, `.`. Stays as it is: jobs wait under it. */
  readonly name: string
  /** Makes typed data of what was stored; what it throws ends the job at once, in the dead letters. */
  readonly parse: (data: unknown) => T
  /** How often a job that failed is tried again, before it goes to the dead letters. Default 8. */
  readonly maxRetries?: number
  /** Pause before the first repeat; it doubles with each, with some jitter. Default 2. */
  readonly retryDelaySeconds?: number
  /** The longest pause. Default 900. */
  readonly retryDelayMaxSeconds?: number
  /** A job that runs longer is taken for lost and starts anew elsewhere. Default 900. */
  readonly expireSeconds?: number
  /** A worker that gave no sign for so long is taken for dead; 10 or more. Default 30. */
  readonly heartbeatSeconds?: number
}

/** A queue of whatever data; what a list of queues is made of. */
// `parse` gives the data out and takes `unknown`, so a queue of something is a queue of `object`.
export type AnyJobQueue = JobQueue<object>

const DEFAULT_MAX_RETRIES = 8
const DEFAULT_RETRY_DELAY_SECONDS = 2
const DEFAULT_RETRY_DELAY_MAX_SECONDS = 900
const DEFAULT_EXPIRE_SECONDS = 900
const DEFAULT_HEARTBEAT_SECONDS = 30
/** A finished job is kept so long, and with it the memory of its key. */
const KEEP_FINISHED_SECONDS = 7 * 24 * 3600
/** A job may wait so long for its time or for a worker. */
const KEEP_WAITING_SECONDS = 365 * 24 * 3600

/** The queue that jobs of this one end in when they are given up. */
export function deadLetterName(queueName: string): string {
  return `${queueName}.dead`
}

/** What `pg-boss` is told about a queue. */
export function bossOptions(queue: AnyJobQueue) {
  return {
    retryLimit: queue.maxRetries ?? DEFAULT_MAX_RETRIES,
    retryDelay: queue.retryDelaySeconds ?? DEFAULT_RETRY_DELAY_SECONDS,
    retryBackoff: true,
    retryDelayMax: queue.retryDelayMaxSeconds ?? DEFAULT_RETRY_DELAY_MAX_SECONDS,
    expireInSeconds: queue.expireSeconds ?? DEFAULT_EXPIRE_SECONDS,
    heartbeatSeconds: queue.heartbeatSeconds ?? DEFAULT_HEARTBEAT_SECONDS,
    deleteAfterSeconds: KEEP_FINISHED_SECONDS,
    retentionSeconds: KEEP_WAITING_SECONDS,
    deadLetter: deadLetterName(queue.name),
    notify: true,
  }
}

/** Dead letters wait for a person; nothing runs them. */
export const DEAD_LETTER_OPTIONS = {
  retentionSeconds: KEEP_WAITING_SECONDS,
  deleteAfterSeconds: KEEP_FINISHED_SECONDS,
}
