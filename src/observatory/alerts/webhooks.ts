/** Webhooks as people make them. */
import { randomBytes } from 'node:crypto'
import type { Selectable } from 'kysely'
import { accepted, type Outcome } from '../../kernel/index.ts'
import type { AlertsContext, SecretSeal } from './context.ts'
import { promiseNews } from './deliveries.ts'
import { checkWebhookUrl } from './post-webhook.ts'
import { type AlertOutcome, refuse } from './refusal.ts'
import { changing } from './rules.ts'
import { TOPICS, type Topic } from './shapes.ts'
import { randomWebhookSecret } from './sign-delivery.ts'
import type { ObservatoryWebhooksTable, Rows } from './tables.ts'

export interface NewWebhook {
  readonly url: string
  /** May be empty: then it is for the rules that name it. */
  readonly topics: readonly Topic[]
}

export interface WebhookChange {
  readonly url?: string | undefined
  readonly topics?: readonly Topic[] | undefined
  readonly isEnabled?: boolean | undefined
  /** Makes a new secret; the old one is gone at once. */
  readonly newSecret?: boolean | undefined
}

export interface Webhook extends NewWebhook {
  readonly id: string
  /** A public key, or `operator`. */
  readonly owner: string
  readonly createdAtSeconds: number
  readonly lastSuccessSeconds: number | undefined
  /** Of the first failure since the last success. */
  readonly failingSinceSeconds: number | undefined
  readonly lastFailure: string | undefined
  readonly disabledAtSeconds: number | undefined
  readonly disabledWhy: string | undefined
}

export interface WebhookWithSecret {
  readonly webhook: Webhook
  /** Here and nowhere else. */
  readonly secret: string | undefined
}

export interface WebhookDesk {
  create(owner: string, wanted: NewWebhook): Promise<AlertOutcome<WebhookWithSecret>>
  /** The oldest first. */
  list(owner: string): Promise<readonly Webhook[]>
  get(owner: string, id: string): Promise<AlertOutcome<Webhook>>
  update(owner: string, id: string, change: WebhookChange): Promise<AlertOutcome<WebhookWithSecret>>
  /** Deliveries that wait for it go with it. */
  remove(owner: string, id: string): Promise<AlertOutcome<void>>
  /** Has it sent a delivery of the topic `test`; one at a time. The value is what `Stoa-Delivery` will say. */
  test(owner: string, id: string): Promise<AlertOutcome<string>>
}

const NO_WEBHOOK = refuse('NOT_FOUND', 'there is no such webhook')

export function createWebhookDesk(context: AlertsContext): WebhookDesk {
  const { db, clock, secrets, limits, fetching } = context
  const find = (rows: Rows, owner: string, id: string) =>
    rows
      .selectFrom('observatory_webhooks')
      .selectAll()
      .where('id', '=', id)
      .where('owner', '=', owner)
      .executeTakeFirst()
  return {
    create: (owner, wanted) =>
      changing(context, async (tx) => {
        const url = checkWebhookUrl(wanted.url, fetching)
        if (!url.ok) return refuse('INVALID', url.refusal)
        const { all, mine } = await tx
          .selectFrom('observatory_webhooks')
          .select((row) => [
            row.fn.countAll<bigint>().as('all'),
            row.fn.countAll<bigint>().filterWhere('owner', '=', owner).as('mine'),
          ])
          .executeTakeFirstOrThrow()
        if (mine >= limits.webhooksOfOne) {
          return refuse('LIMIT_REACHED', `${limits.webhooksOfOne} webhooks are the most; remove one first`)
        }
        if (all >= limits.webhooks) {
          return refuse('LIMIT_REACHED', `${limits.webhooks} webhooks of all people together are the most`)
        }
        const id = randomBytes(8).toString('hex')
        const secret = randomWebhookSecret()
        const row = await tx
          .insertInto('observatory_webhooks')
          .values({
            id,
            owner,
            url: url.value.href,
            topics: wanted.topics,
            sealed_secret: sealSecret(secrets, id, secret),
            created_at: BigInt(clock.nowSeconds()),
          })
          .returningAll()
          .executeTakeFirstOrThrow()
        return accepted({ webhook: webhookOf(row), secret })
      }),
    list: async (owner) => {
      const rows = await db
        .selectFrom('observatory_webhooks')
        .selectAll()
        .where('owner', '=', owner)
        .orderBy('created_at')
        .orderBy('id')
        .execute()
      return rows.map(webhookOf)
    },
    get: async (owner, id) => {
      const row = await find(db, owner, id)
      return row === undefined ? NO_WEBHOOK : accepted(webhookOf(row))
    },
    update: (owner, id, { url: newUrl, topics, isEnabled, newSecret }) =>
      changing(context, async (tx) => {
        const row = await find(tx, owner, id)
        if (row === undefined) return NO_WEBHOOK
        const url = checkWebhookUrl(newUrl ?? row.url, fetching)
        if (!url.ok) return refuse('INVALID', url.refusal)
        const secret = newSecret === true ? randomWebhookSecret() : undefined
        const updated = await tx
          .updateTable('observatory_webhooks')
          .set({
            url: url.value.href,
            topics: topics ?? row.topics,
            ...(secret !== undefined && { sealed_secret: sealSecret(secrets, id, secret) }),
            // Whoever enables it says that it works again: three days begin anew.
            ...(isEnabled === true && ENABLED),
            ...(isEnabled === false &&
              row.disabled_at === null && {
                disabled_at: BigInt(clock.nowSeconds()),
                disabled_why: 'its owner has disabled it',
              }),
          })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow()
        return accepted({ webhook: webhookOf(updated), secret })
      }),
    remove: (owner, id) =>
      changing(context, async (tx) => {
        const { numDeletedRows } = await tx
          .deleteFrom('observatory_webhooks')
          .where('id', '=', id)
          .where('owner', '=', owner)
          .executeTakeFirst()
        return numDeletedRows === 0n ? NO_WEBHOOK : accepted(undefined)
      }),
    test: (owner, id) =>
      // With the lock of changes, so that two who ask at once do not both find none that waits.
      changing(context, async (tx) => {
        const row = await find(tx, owner, id)
        if (row === undefined) return NO_WEBHOOK
        if (row.disabled_at !== null) return refuse('INVALID', 'it is disabled; enable it first')
        const tests = tx
          .selectFrom('observatory_deliveries')
          .select('id')
          .where('webhook_id', '=', id)
          .where('topic', '=', 'test')
          .where('state', '=', 'waiting')
        const under = await tests.executeTakeFirst()
        if (under !== undefined) return refuse('LIMIT_REACHED', `the test ${under.id} has not arrived yet`)
        const occasion = `test/${randomBytes(8).toString('hex')}`
        const data = { text: 'This is a test of your webhook.' }
        await promiseNews(
          context,
          tx,
          [{ occasion, topic: 'test', atSeconds: clock.nowSeconds(), data }],
          [{ id, owner }],
        )
        const made = await tests.executeTakeFirst()
        return made === undefined
          ? refuse('LIMIT_REACHED', `${limits.waitingOfOne} deliveries wait for it already`)
          : accepted(made.id)
      }),
  }
}

const ENABLED = { disabled_at: null, disabled_why: null, failing_since: null, last_failure: null }

function sealSecret(secrets: SecretSeal, id: string, secret: string): string {
  return secrets.seal(Buffer.from(secret), sealContext(id))
}

export function openSecret(
  secrets: SecretSeal,
  id: string,
  sealed: string,
): Outcome<string, { readonly text: string }> {
  const opened = secrets.open(sealed, sealContext(id))
  return opened.ok ? accepted(Buffer.from(opened.value).toString()) : opened
}

function sealContext(id: string): string {
  return `observatory/webhook/${id}`
}

function webhookOf(row: Selectable<ObservatoryWebhooksTable>): Webhook {
  return {
    id: row.id,
    owner: row.owner,
    url: row.url,
    topics: TOPICS.filter((topic) => row.topics.includes(topic)),
    createdAtSeconds: Number(row.created_at),
    lastSuccessSeconds: secondsOf(row.last_success_at),
    failingSinceSeconds: secondsOf(row.failing_since),
    lastFailure: row.last_failure ?? undefined,
    disabledAtSeconds: secondsOf(row.disabled_at),
    disabledWhy: row.disabled_why ?? undefined,
  }
}

function secondsOf(value: bigint | null): number | undefined {
  return value === null ? undefined : Number(value)
}
