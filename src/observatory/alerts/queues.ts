import type { AnyJobQueue, JobQueue } from '../../platform/jobs/index.ts'

/** A delivery that was promised; all else is in its row. */
export interface DeliveryJob {
  readonly deliveryId: string
}

function parse(data: unknown): DeliveryJob {
  if (
    typeof data === 'object' &&
    data !== null &&
    'deliveryId' in data &&
    typeof data.deliveryId === 'string'
  ) {
    return { deliveryId: data.deliveryId }
  }
  throw new TypeError('a job of a delivery names the delivery')
}

const HOUR = 3_600

/** Tries go on for more than the three days after which a webhook is disabled: 5 s, 10 s, 20 s … 4 h apart. */
export const WEBHOOK_QUEUE: JobQueue<DeliveryJob> = {
  name: 'observatory.webhooks',
  parse,
  maxRetries: 32,
  retryDelaySeconds: 5,
  retryDelayMaxSeconds: 4 * HOUR,
  expireSeconds: 120,
}

/** E-mails and direct messages; what is a day late is no news. */
export const NOTICE_QUEUE: JobQueue<DeliveryJob> = {
  name: 'observatory.notices',
  parse,
  maxRetries: 16,
  retryDelaySeconds: 5,
  retryDelayMaxSeconds: 4 * HOUR,
  expireSeconds: 120,
}

/** For `startJobs`. */
export const ALERT_QUEUES: readonly AnyJobQueue[] = [WEBHOOK_QUEUE, NOTICE_QUEUE]
