/** Rules as people make them. */
import { randomBytes } from 'node:crypto'
import { type Selectable, sql, type Transaction } from 'kysely'
import { accepted } from '../../kernel/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { isRange, type Range } from '../ranges.ts'
import type { AlertStatus } from './alert-state.ts'
import { type ReadyCondition, readyCondition } from './condition.ts'
import type { AlertsContext } from './context.ts'
import { type AlertOutcome, refuse } from './refusal.ts'
import { type AlertChannel, type AlertCondition, ChannelsShape, ConditionShape, readerOf } from './shapes.ts'
import type { ObservatoryAlertRulesTable } from './tables.ts'

/** The owner of what the operator of this Stoa has set up; all others are public keys. */
export const OPERATOR = 'operator'

export interface NewAlertRule {
  readonly name: string
  readonly range: Range
  readonly condition: AlertCondition
  readonly channels: readonly AlertChannel[]
  /** It clears after it was false for so long. Default 300. */
  readonly clearAfterSeconds?: number
  /** At least so long between two notices that it fires. Default 3600. */
  readonly quietSeconds?: number
  readonly isPaused?: boolean
}

export type AlertRuleChange = { readonly [K in keyof NewAlertRule]?: NewAlertRule[K] | undefined }

export interface AlertRule extends Required<NewAlertRule> {
  readonly id: string
  /** A public key, or `operator`. */
  readonly owner: string
  readonly createdAtSeconds: number
  readonly state: 'quiet' | 'firing'
  readonly sinceSeconds: number
  readonly isNotified: boolean
  readonly lastNoticeSeconds: number | undefined
}

export interface RuleDesk {
  create(owner: string, wanted: NewAlertRule): Promise<AlertOutcome<AlertRule>>
  /** The oldest first. */
  list(owner: string): Promise<readonly AlertRule[]>
  get(owner: string, id: string): Promise<AlertOutcome<AlertRule>>
  /** What it was firing for is forgotten: a changed rule begins quietly. */
  update(owner: string, id: string, change: AlertRuleChange): Promise<AlertOutcome<AlertRule>>
  remove(owner: string, id: string): Promise<AlertOutcome<void>>
}

const DEFAULT_CLEAR_AFTER_SECONDS = 300
const DEFAULT_QUIET_SECONDS = 3_600

type RuleRow = Selectable<ObservatoryAlertRulesTable>

export function createRuleDesk(context: AlertsContext): RuleDesk {
  const { db, clock } = context
  const find = (owner: string, id: string, rows: Transaction<Tables> | typeof db = db) =>
    rows
      .selectFrom('observatory_alert_rules')
      .selectAll()
      .where('id', '=', id)
      .where('owner', '=', owner)
      .executeTakeFirst()
  return {
    create: (owner, wanted) =>
      changing(context, async (tx, revision) => {
        const checked = await checkRule(context, tx, owner, wanted)
        if (!checked.ok) return checked
        const full = await isFull(context, tx, owner)
        if (full !== undefined) return refuse('LIMIT_REACHED', full)
        const now = BigInt(clock.nowSeconds())
        const row = await tx
          .insertInto('observatory_alert_rules')
          .values({
            id: randomBytes(8).toString('hex'),
            owner,
            ...columnsOf(checked.value),
            created_at: now,
            since: now,
            last_notice_at: null,
            revision,
          })
          .returningAll()
          .executeTakeFirstOrThrow()
        return accepted(ruleOf(row))
      }),
    list: async (owner) => {
      const rows = await db
        .selectFrom('observatory_alert_rules')
        .selectAll()
        .where('owner', '=', owner)
        .orderBy('created_at')
        .orderBy('id')
        .execute()
      return rows.map(ruleOf)
    },
    get: async (owner, id) => {
      const row = await find(owner, id)
      return row === undefined ? NO_RULE : accepted(ruleOf(row))
    },
    update: (owner, id, change) =>
      changing(context, async (tx, revision) => {
        const row = await find(owner, id, tx)
        if (row === undefined) return NO_RULE
        const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
        const checked = await checkRule(context, tx, owner, { ...ruleOf(row), ...given })
        if (!checked.ok) return checked
        const updated = await tx
          .updateTable('observatory_alert_rules')
          .set({
            ...columnsOf(checked.value),
            revision,
            state: 'quiet',
            is_notified: false,
            since: BigInt(clock.nowSeconds()),
          })
          .where('id', '=', id)
          .returningAll()
          .executeTakeFirstOrThrow()
        return accepted(ruleOf(updated))
      }),
    remove: (owner, id) =>
      changing(context, async (tx) => {
        const { numDeletedRows } = await tx
          .deleteFrom('observatory_alert_rules')
          .where('id', '=', id)
          .where('owner', '=', owner)
          .executeTakeFirst()
        return numDeletedRows === 0n ? NO_RULE : accepted(undefined)
      }),
  }
}

const NO_RULE = refuse('NOT_FOUND', 'there is no such alert')

/**
 * Changes rules or webhooks, one change after the other: the row of the revision is locked first, so that bounds are counted
 * rightly, and whoever evaluates rules sees that something has changed.
 */
export function changing<T>(
  { db }: Pick<AlertsContext, 'db'>,
  change: (tx: Transaction<Tables>, revision: bigint) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (tx) => {
    const { revision } = await tx
      .updateTable('observatory_alert_revision')
      .set({ revision: sql`revision + 1` })
      .returning('revision')
      .executeTakeFirstOrThrow()
    return change(tx, revision)
  })
}

interface CheckedRule extends NewAlertRule {
  readonly ready: ReadyCondition
}

async function checkRule(
  context: AlertsContext,
  tx: Transaction<Tables>,
  owner: string,
  wanted: NewAlertRule,
): Promise<AlertOutcome<CheckedRule>> {
  const ready = readyCondition(wanted.condition)
  if (!ready.ok) return refuse('INVALID', ready.refusal)
  const channels = await checkChannels(context, tx, owner, wanted.channels)
  if (channels !== undefined) return refuse('INVALID', channels)
  if (ready.value.sampled !== undefined) {
    const { sampledFigures } = context.limits
    const known = await sampledFiguresOf(tx)
    known.add(`${wanted.range} ${ready.value.sampled.path}`)
    if (known.size > sampledFigures) {
      return refuse(
        'LIMIT_REACHED',
        `${sampledFigures} different figures are remembered at most, for everybody together`,
      )
    }
  }
  return accepted({ ...wanted, ready: ready.value })
}

/** Why these channels cannot be; people are told things themselves and cannot have others told. */
async function checkChannels(
  { sendMail, emailOf, sendDirectMessage }: AlertsContext,
  tx: Transaction<Tables>,
  owner: string,
  channels: readonly AlertChannel[],
): Promise<string | undefined> {
  const isOperator = owner === OPERATOR
  for (const channel of channels) {
    if (channel.type === 'email') {
      if (sendMail === undefined) return 'no mail is sent from here'
      if (isOperator && channel.to === undefined) return 'channels: an e-mail needs `to`'
      if (!isOperator && channel.to !== undefined)
        return 'channels: mails go to the confirmed address of your account'
      if (!isOperator && emailOf === undefined) return 'no mail is sent to people from here'
    } else if (channel.type === 'nostr') {
      if (sendDirectMessage === undefined) return 'no direct messages are sent from here'
      if (isOperator && channel.pubkey === undefined) return 'channels: a direct message needs `pubkey`'
      if (!isOperator && channel.pubkey !== undefined && channel.pubkey !== owner)
        return 'channels: direct messages go to yourself'
    } else {
      const webhook = await tx
        .selectFrom('observatory_webhooks')
        .select('id')
        .where('id', '=', channel.webhook)
        .where('owner', '=', owner)
        .executeTakeFirst()
      if (webhook === undefined) return `channels: you have no webhook ${channel.webhook}`
    }
  }
  return undefined
}

async function sampledFiguresOf(tx: Transaction<Tables>): Promise<Set<string>> {
  const rows = await tx
    .selectFrom('observatory_alert_rules')
    .select(['range', sql<string>`condition->>'figure'`.as('figure')])
    .where(sql<boolean>`condition->>'type' = 'change'`)
    .distinct()
    .execute()
  return new Set(rows.map(({ range, figure }) => `${range} ${figure}`))
}

async function isFull(
  { limits }: AlertsContext,
  tx: Transaction<Tables>,
  owner: string,
): Promise<string | undefined> {
  const { all, mine } = await tx
    .selectFrom('observatory_alert_rules')
    .select((row) => [
      row.fn.countAll<bigint>().as('all'),
      row.fn.countAll<bigint>().filterWhere('owner', '=', owner).as('mine'),
    ])
    .executeTakeFirstOrThrow()
  if (mine >= limits.rulesOfOne) return `${limits.rulesOfOne} alerts are the most; remove one first`
  return all >= limits.rules ? `${limits.rules} alerts of all people together are the most` : undefined
}

function columnsOf({ name, range, ready, channels, clearAfterSeconds, quietSeconds, isPaused }: CheckedRule) {
  return {
    name,
    range,
    condition: JSON.stringify(ready.condition),
    channels: JSON.stringify(channels),
    clear_after_seconds: clearAfterSeconds ?? DEFAULT_CLEAR_AFTER_SECONDS,
    quiet_seconds: quietSeconds ?? DEFAULT_QUIET_SECONDS,
    is_paused: isPaused ?? false,
  }
}

const readCondition = readerOf(ConditionShape)
const readChannels = readerOf(ChannelsShape)

/** Throws for a row that this program has not written. */
export function ruleOf(row: RuleRow): AlertRule {
  const condition = readCondition(row.condition)
  const channels = readChannels(row.channels)
  if (!condition.ok || !channels.ok || !isRange(row.range)) {
    throw new TypeError(`the row ${row.id} of observatory_alert_rules cannot be read`)
  }
  return {
    id: row.id,
    owner: row.owner,
    name: row.name,
    range: row.range,
    condition: condition.value,
    channels: channels.value,
    clearAfterSeconds: row.clear_after_seconds,
    quietSeconds: row.quiet_seconds,
    isPaused: row.is_paused,
    createdAtSeconds: Number(row.created_at),
    state: row.state,
    sinceSeconds: Number(row.since),
    isNotified: row.is_notified,
    lastNoticeSeconds: row.last_notice_at === null ? undefined : Number(row.last_notice_at),
  }
}

/** Where a rule stands after a start. */
export function statusOf({ state, sinceSeconds, isNotified, lastNoticeSeconds }: AlertRule): AlertStatus {
  return { state, sinceSeconds, isNotified, ...(lastNoticeSeconds !== undefined && { lastNoticeSeconds }) }
}
