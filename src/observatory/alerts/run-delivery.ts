/** Keeps the promises of `deliveries.ts`: the handlers of the two queues. */
import type { Selectable } from 'kysely'
import { AppError, type Outcome } from '../../kernel/index.ts'
import { isPublicKey } from '../../nostr/messages/index.ts'
import type { RunningJob } from '../../platform/jobs/index.ts'
import type { AlertsContext } from './context.ts'
import { promiseNotices } from './deliveries.ts'
import { disabledNotice } from './notice-text.ts'
import { type PostRefusal, postWebhook } from './post-webhook.ts'
import { type DeliveryJob, NOTICE_QUEUE, WEBHOOK_QUEUE } from './queues.ts'
import { changing, OPERATOR } from './rules.ts'
import { signDelivery } from './sign-delivery.ts'
import type { ObservatoryDeliveriesTable, ObservatoryWebhooksTable } from './tables.ts'
import { openSecret } from './webhooks.ts'

type Delivery = Selectable<ObservatoryDeliveriesTable>
type WebhookRow = Selectable<ObservatoryWebhooksTable>
type Job = RunningJob<DeliveryJob>

const MAX_FAILURE_CHARACTERS = 300

/** Hands a delivery to its webhook, or throws, so that it is tried again. Each try has the same id and a new signature. */
export async function runWebhookJob(context: AlertsContext, job: Job, stopping: AbortSignal): Promise<void> {
  const delivery = await waitingDelivery(context, job)
  if (delivery === undefined || delivery.webhook_id === null) return
  const webhook = await context.db
    .selectFrom('observatory_webhooks')
    .selectAll()
    .where('id', '=', delivery.webhook_id)
    .executeTakeFirst()
  if (webhook === undefined) return
  if (webhook.disabled_at !== null)
    return finish(context, job, delivery, 'dropped', 'the webhook is disabled')
  const posted = await post(context, delivery, webhook, job, stopping)
  if (posted.ok) return finish(context, job, delivery, 'delivered')
  // That we stop is no fault of the webhook's.
  if (!stopping.aborted) await noteFailure(context, webhook, posted.refusal)
  await failTry(context, job, delivery, posted.refusal.text, WEBHOOK_QUEUE.maxRetries)
}

async function post(
  { secrets, clock, fetching }: AlertsContext,
  { id, body, topic }: Delivery,
  webhook: WebhookRow,
  { attempt, signal }: Job,
  stopping: AbortSignal,
): Promise<Outcome<void, PostRefusal>> {
  const secret = openSecret(secrets, webhook.id, webhook.sealed_secret)
  if (!secret.ok) {
    return {
      ok: false,
      refusal: { text: 'its secret cannot be read any more; make a new one', isGone: false },
    }
  }
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Stoa-Webhooks/1',
    'stoa-delivery': id,
    'stoa-topic': topic,
    'stoa-attempt': String(attempt),
    'stoa-signature': signDelivery(body, secret.value, clock.nowSeconds()),
  }
  return postWebhook(
    { url: webhook.url, headers, body, signal: AbortSignal.any([signal, stopping]) },
    fetching,
  )
}

/** Sends a mail or a direct message, or throws, so that it is tried again. */
export async function runNoticeJob(context: AlertsContext, job: Job): Promise<void> {
  const delivery = await waitingDelivery(context, job)
  if (delivery === undefined) return
  let why: string | undefined
  try {
    why =
      delivery.channel === 'email' ? await sendMail(context, delivery) : await sendMessage(context, delivery)
  } catch (error) {
    const text = error instanceof AppError ? error.message : 'it could not be sent'
    return failTry(context, job, delivery, text, NOTICE_QUEUE.maxRetries, error)
  }
  return finish(context, job, delivery, why === undefined ? 'delivered' : 'dropped', why)
}

/** Returns why nothing can be sent at all. */
async function sendMail(
  { sendMail: send, emailOf }: AlertsContext,
  delivery: Delivery,
): Promise<string | undefined> {
  const to = delivery.target ?? (await emailOf?.(delivery.owner))
  if (send === undefined) return 'no mail is sent from here any more'
  if (to === undefined) return 'the account of this key has no confirmed address'
  await send({ to, ...noticeOf(delivery) })
  return undefined
}

async function sendMessage(
  { sendDirectMessage }: AlertsContext,
  { target, owner, at, body }: Delivery,
): Promise<string | undefined> {
  const recipient = target ?? owner
  if (sendDirectMessage === undefined) return 'no direct messages are sent from here any more'
  if (!isPublicKey(recipient)) return 'this is no public key'
  const { text } = noticeOf({ body })
  await sendDirectMessage({ recipient, text, createdAtSeconds: Number(at) })
  return undefined
}

function noticeOf({ body }: Pick<Delivery, 'body'>): { readonly subject: string; readonly text: string } {
  // `promiseNotices` wrote it.
  return JSON.parse(body)
}

function waitingDelivery({ db }: AlertsContext, { data }: Job): Promise<Delivery | undefined> {
  return db
    .selectFrom('observatory_deliveries')
    .selectAll()
    .where('id', '=', data.deliveryId)
    .where('state', '=', 'waiting')
    .executeTakeFirst()
}

/** Ends a delivery and its job in one transaction: what has arrived is not sent again. */
async function finish(
  { db, clock }: AlertsContext,
  job: Job,
  { id, webhook_id: webhookId }: Delivery,
  state: 'delivered' | 'dropped',
  failure?: string,
): Promise<void> {
  const now = BigInt(clock.nowSeconds())
  await db.transaction().execute(async (tx) => {
    await tx
      .updateTable('observatory_deliveries')
      .set({ state, finished_at: now, attempts: job.attempt, ...(failure !== undefined && { failure }) })
      .where('id', '=', id)
      .execute()
    if (state === 'delivered' && webhookId !== null) {
      await tx
        .updateTable('observatory_webhooks')
        .set({ last_success_at: now, failing_since: null, last_failure: null })
        .where('id', '=', webhookId)
        .execute()
    }
    await job.completeIn(tx)
  })
}

/** Throws, and with that has it tried again; the last try ends the delivery instead. */
async function failTry(
  { db, clock }: AlertsContext,
  { attempt }: Job,
  { id, channel }: Delivery,
  text: string,
  maxRetries = 0,
  cause?: unknown,
): Promise<void> {
  const isLast = attempt > maxRetries
  await db
    .updateTable('observatory_deliveries')
    .set({
      attempts: attempt,
      failure: text.slice(0, MAX_FAILURE_CHARACTERS),
      ...(isLast && { state: 'failed', finished_at: BigInt(clock.nowSeconds()) }),
    })
    .where('id', '=', id)
    .where('state', '=', 'waiting')
    .execute()
  if (isLast) return
  throw new AppError('OBSERVATORY_DELIVERY_FAILED', `A delivery did not arrive: ${text}.`, {
    facts: { channel, deliveryId: id },
    ...(cause !== undefined && { cause }),
  })
}

/** Writes down that a webhook fails, and disables one that has for three days, or that is gone for good. */
async function noteFailure(
  context: AlertsContext,
  { id }: WebhookRow,
  { text, isGone }: PostRefusal,
): Promise<void> {
  const { db, clock, limits, logger } = context
  const now = clock.nowSeconds()
  const failing = await db
    .updateTable('observatory_webhooks')
    .set((row) => ({
      failing_since: row.fn.coalesce('failing_since', row.val(BigInt(now))),
      last_failure: text.slice(0, MAX_FAILURE_CHARACTERS),
    }))
    .where('id', '=', id)
    .returning('failing_since')
    .executeTakeFirst()
  const since = Number(failing?.failing_since ?? now)
  if (!isGone && now - since < limits.disableAfterSeconds) return
  const why = isGone
    ? 'it answered that it is gone (410)'
    : `it has taken nothing for ${Math.floor((now - since) / 86_400)} days; at last ${text}`
  const isNews = await changing(context, async (tx) => {
    const disabled = await tx
      .updateTable('observatory_webhooks')
      .set({ disabled_at: BigInt(now), disabled_why: why })
      .where('id', '=', id)
      .where('disabled_at', 'is', null)
      .returning(['owner', 'url'])
      .executeTakeFirst()
    if (disabled === undefined) return false
    const { owner, url } = disabled
    const { subject, text: notice } = disabledNotice(url, why, now)
    await tx
      .insertInto('observatory_alert_history')
      .values({
        owner,
        at: BigInt(now),
        what: 'webhook-disabled',
        rule_id: null,
        webhook_id: id,
        name: subject,
        text: why,
        is_notified: owner !== OPERATOR && context.sendDirectMessage !== undefined,
      })
      .execute()
    if (owner !== OPERATOR && context.sendDirectMessage !== undefined) {
      const occasion = `webhook-disabled/${id}/${now}`
      await promiseNotices(context, tx, [
        { occasion, channel: 'nostr', owner, target: undefined, atSeconds: now, subject, text: notice },
      ])
    }
    return true
  })
  if (isNews) logger.warn({ webhookId: id, why }, 'alerts.webhook_disabled')
}
