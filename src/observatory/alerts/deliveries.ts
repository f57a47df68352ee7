/** Promises to tell somebody something, in the transaction of what there is to be told. */
import { createHash } from 'node:crypto'
import { type Insertable, sql, type Transaction } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'
import { isoOf } from './condition.ts'
import type { AlertsContext } from './context.ts'
import { NOTICE_QUEUE, WEBHOOK_QUEUE } from './queues.ts'
import type { Topic } from './shapes.ts'
import type { ObservatoryDeliveriesTable } from './tables.ts'

export interface WebhookOfOwner {
  readonly id: string
  readonly owner: string
}

/** Something for webhooks. */
export interface News {
  /** Names what happened: the same occasion is told to a webhook once, however often it is promised. */
  readonly occasion: string
  readonly topic: Topic | 'test'
  readonly atSeconds: number
  readonly data: object
}

/** Something for a person. */
export interface Notice {
  readonly occasion: string
  readonly channel: 'email' | 'nostr'
  readonly owner: string
  /** An address or a key; undefined: that of the owner. */
  readonly target: string | undefined
  readonly atSeconds: number
  readonly subject: string
  readonly text: string
}

type DeliveryRow = Insertable<ObservatoryDeliveriesTable>
type Promising = Pick<AlertsContext, 'jobs' | 'limits'>

/** Promises each piece of news to each webhook that has room for it; a snapshot only when the last one has arrived. */
export async function promiseNews(
  context: Promising,
  tx: Transaction<Tables>,
  news: readonly News[],
  webhooks: readonly WebhookOfOwner[],
): Promise<void> {
  if (news.length === 0 || webhooks.length === 0) return
  const waiting = await waitingOf(tx, webhooks)
  const rows: DeliveryRow[] = []
  for (const { id: webhookId, owner } of webhooks) {
    const { count, hasSnapshot } = waiting.get(webhookId) ?? { count: 0, hasSnapshot: false }
    const wanted = hasSnapshot ? news.filter(({ topic }) => topic !== 'snapshot') : news
    for (const one of wanted.slice(0, Math.max(0, context.limits.waitingOfOne - count))) {
      const id = deliveryIdOf(one.occasion, webhookId)
      const body = { id, topic: one.topic, at: isoOf(one.atSeconds), data: one.data }
      rows.push({
        id,
        channel: 'webhook',
        owner,
        webhook_id: webhookId,
        target: null,
        topic: one.topic,
        body: JSON.stringify(body),
        at: BigInt(one.atSeconds),
      })
    }
  }
  await promise(context, tx, rows)
}

export async function promiseNotices(
  context: Promising,
  tx: Transaction<Tables>,
  notices: readonly Notice[],
): Promise<void> {
  const rows = notices.map(({ occasion, channel, owner, target, atSeconds, subject, text }): DeliveryRow => {
    const id = deliveryIdOf(occasion, `${channel} ${target ?? owner}`)
    const body = JSON.stringify({ subject, text })
    return {
      id,
      channel,
      owner,
      webhook_id: null,
      target: target ?? null,
      topic: 'alert',
      body,
      at: BigInt(atSeconds),
    }
  })
  await promise(context, tx, rows)
}

/** What `Stoa-Delivery` says: one for each occasion and receiver. */
function deliveryIdOf(occasion: string, receiver: string): string {
  return createHash('sha256')
    .update(JSON.stringify([occasion, receiver]))
    .digest('hex')
    .slice(0, 32)
}

/** Rows of one statement; PostgreSQL takes 65,535 parameters. */
const CHUNK = 1_000

async function promise(
  { jobs }: Promising,
  tx: Transaction<Tables>,
  rows: readonly DeliveryRow[],
): Promise<void> {
  for (let start = 0; start < rows.length; start += CHUNK) {
    const made = await tx
      .insertInto('observatory_deliveries')
      .values(rows.slice(start, start + CHUNK))
      .onConflict((conflict) => conflict.doNothing())
      .returning(['id', 'channel'])
      .execute()
    for (const { id, channel } of made) {
      const queue = channel === 'webhook' ? WEBHOOK_QUEUE : NOTICE_QUEUE
      await jobs.enqueue(tx, queue, { deliveryId: id }, { key: id })
    }
  }
}

async function waitingOf(tx: Transaction<Tables>, webhooks: readonly WebhookOfOwner[]) {
  const rows = await tx
    .selectFrom('observatory_deliveries')
    .select((row) => [
      'webhook_id',
      row.fn.countAll<bigint>().as('count'),
      sql<boolean>`bool_or(topic = 'snapshot')`.as('has_snapshot'),
    ])
    .where('state', '=', 'waiting')
    .where(
      'webhook_id',
      'in',
      webhooks.map(({ id }) => id),
    )
    .groupBy('webhook_id')
    .execute()
  return new Map(
    rows.map((row) => [row.webhook_id ?? '', { count: Number(row.count), hasSnapshot: row.has_snapshot }]),
  )
}
