import type { AlertsContext } from './context.ts'

export interface AlertHistoryPage {
  readonly owner: string
  /** Of this rule only. */
  readonly rule?: string | undefined
  /** The number of the last entry of the page before. */
  readonly before?: string | undefined
  /** Default 100, at most 500. */
  readonly limit?: number | undefined
}

export interface AlertHistoryEntry {
  readonly number: string
  readonly atSeconds: number
  /** `notified`: it had been firing within the quiet time after the notice before, and was told now. */
  readonly what: 'firing' | 'notified' | 'cleared' | 'webhook-disabled'
  readonly ruleId: string | undefined
  readonly webhookId: string | undefined
  readonly name: string
  /** What was found, or why the webhook was disabled. */
  readonly text: string
  /** Was it time to tell people? */
  readonly isNotified: boolean
}

const DEFAULT_PAGE = 100
const MAX_PAGE = 500

/** The newest first. */
export async function readAlertHistory(
  { db }: Pick<AlertsContext, 'db'>,
  { owner, rule, before, limit = DEFAULT_PAGE }: AlertHistoryPage,
): Promise<readonly AlertHistoryEntry[]> {
  const rows = await db
    .selectFrom('observatory_alert_history')
    .selectAll()
    .where('owner', '=', owner)
    .$if(rule !== undefined, (some) => some.where('rule_id', '=', rule ?? ''))
    .$if(before !== undefined, (some) => some.where('number', '<', BigInt(before ?? 0)))
    .orderBy('number', 'desc')
    .limit(Math.min(Math.max(limit, 1), MAX_PAGE))
    .execute()
  return rows.map((row) => ({
    number: String(row.number),
    atSeconds: Number(row.at),
    what: row.what,
    ruleId: row.rule_id ?? undefined,
    webhookId: row.webhook_id ?? undefined,
    name: row.name,
    text: row.text,
    isNotified: row.is_notified,
  }))
}
