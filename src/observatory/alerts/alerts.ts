import type { Range } from '../ranges.ts'
import type { Snapshot } from '../snapshot.ts'
import { type AlertHistoryEntry, type AlertHistoryPage, readAlertHistory } from './alert-history.ts'
import type { AlertsContext } from './context.ts'
import { Evaluator } from './evaluate.ts'
import { type AlertLimits, DEFAULT_ALERT_LIMITS } from './limits.ts'
import { DEFAULT_FETCH_SETTINGS, type FetchSettings } from './post-webhook.ts'
import { NOTICE_QUEUE, WEBHOOK_QUEUE } from './queues.ts'
import { createRuleDesk, type RuleDesk } from './rules.ts'
import { runNoticeJob, runWebhookJob } from './run-delivery.ts'
import { createWebhookDesk, type WebhookDesk } from './webhooks.ts'

export interface OpenAlertsDeps
  extends Pick<AlertsContext, 'db' | 'jobs' | 'clock' | 'logger' | 'secrets'>,
    Partial<Pick<AlertsContext, 'sendMail' | 'emailOf' | 'sendDirectMessage'>> {
  /** False in a process that only answers people: what was promised is sent by the others. Default true. */
  readonly sends?: boolean
  readonly fetching?: Partial<FetchSettings>
  readonly limits?: Partial<AlertLimits>
}

export interface Alerts {
  readonly rules: RuleDesk
  readonly webhooks: WebhookDesk
  history(page: AlertHistoryPage): Promise<readonly AlertHistoryEntry[]>
  /**
   * Holds new figures against the rules; for the one process that leads, though two at once do no harm. Resolves when
   * they, or newer ones of the same range, were looked at. Rejects when the database does not answer; the next call
   * goes on.
   */
  observe(snapshot: Snapshot): Promise<void>
  /** Breaks off deliveries under way, which are tried again, and waits for what is being written. */
  stop(): Promise<void>
}

/** Deliveries that one process has under way at the same time. */
const WEBHOOKS_AT_ONCE = 16
const NOTICES_AT_ONCE = 4

/** Opens alerts and webhooks. `ALERT_QUEUES` must be among the queues that `jobs` was started with. */
export async function openAlerts({
  sends = true,
  fetching,
  limits,
  ...ports
}: OpenAlertsDeps): Promise<Alerts> {
  const context: AlertsContext = {
    ...ports,
    sendMail: ports.sendMail,
    emailOf: ports.emailOf,
    sendDirectMessage: ports.sendDirectMessage,
    fetching: { ...DEFAULT_FETCH_SETTINGS, ...fetching },
    limits: { ...DEFAULT_ALERT_LIMITS, ...limits },
  }
  const stopping = new AbortController()
  if (sends) await startSending(context, stopping.signal)
  const evaluator = new Evaluator(context)
  const waiting = new Map<Range, Snapshot>()
  let looking: Promise<void> | undefined
  const lookAtAll = async () => {
    try {
      for (let next = takeFirst(waiting); next !== undefined; next = takeFirst(waiting)) {
        await evaluator.look(next)
      }
    } finally {
      looking = undefined
    }
  }
  return {
    rules: createRuleDesk(context),
    webhooks: createWebhookDesk(context),
    history: (page) => readAlertHistory(context, page),
    observe: (snapshot) => {
      if (stopping.signal.aborted) return Promise.resolve()
      // One look at a time; of what comes meanwhile the newest of each range is looked at next.
      waiting.set(snapshot.range, snapshot)
      looking ??= lookAtAll()
      return looking
    },
    stop: async () => {
      stopping.abort()
      waiting.clear()
      // Whoever called `observe` hears of its failure.
      await looking?.catch(() => {})
    },
  }
}

function takeFirst(waiting: Map<Range, Snapshot>): Snapshot | undefined {
  for (const [range, snapshot] of waiting) {
    waiting.delete(range)
    return snapshot
  }
  return undefined
}

/** Both queues, or none of them: whoever tries again begins with nothing. */
async function startSending(context: AlertsContext, stopping: AbortSignal): Promise<void> {
  const { jobs, limits } = context
  const { pollSeconds } = limits
  const endWebhooks = await jobs.work(WEBHOOK_QUEUE, (job) => runWebhookJob(context, job, stopping), {
    concurrency: WEBHOOKS_AT_ONCE,
    pollSeconds,
  })
  try {
    await jobs.work(NOTICE_QUEUE, (job) => runNoticeJob(context, job), {
      concurrency: NOTICES_AT_ONCE,
      pollSeconds,
    })
  } catch (error) {
    await endWebhooks()
    throw error
  }
}
