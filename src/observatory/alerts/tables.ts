/** The rows of `migrations/0015_observatory_alerts.sql`. Times are Unix seconds; an int8 is a `bigint`. */
import type { ColumnType, Generated, Kysely, Transaction } from 'kysely'
import type { Tables } from '../../platform/database/index.ts'

/** A connection, or a transaction of the caller's. */
export type Rows = Kysely<Tables> | Transaction<Tables>

/** Written as JSON text, read as what it means. */
type Json = ColumnType<unknown, string, string>

export interface ObservatoryAlertRevisionTable {
  readonly one: Generated<boolean>
  revision: bigint
}

export interface ObservatoryAlertRulesTable {
  readonly id: string
  readonly owner: string
  name: string
  range: string
  condition: Json
  clear_after_seconds: number
  quiet_seconds: number
  channels: Json
  is_paused: boolean
  readonly created_at: bigint
  revision: bigint
  state: Generated<'quiet' | 'firing'>
  since: bigint
  is_notified: Generated<boolean>
  last_notice_at: bigint | null
  transitions: Generated<number>
}

export interface ObservatoryWebhooksTable {
  readonly id: string
  readonly owner: string
  url: string
  topics: readonly string[]
  sealed_secret: string
  readonly created_at: bigint
  last_success_at: ColumnType<bigint | null, undefined, bigint>
  failing_since: ColumnType<bigint | null, undefined, bigint | null>
  last_failure: ColumnType<string | null, undefined, string | null>
  disabled_at: ColumnType<bigint | null, undefined, bigint | null>
  disabled_why: ColumnType<string | null, undefined, string | null>
}

export interface ObservatoryDeliveriesTable {
  readonly id: string
  readonly channel: 'webhook' | 'email' | 'nostr'
  readonly owner: string
  readonly webhook_id: string | null
  readonly target: string | null
  readonly topic: string
  readonly body: string
  readonly at: bigint
  state: Generated<'waiting' | 'delivered' | 'dropped' | 'failed'>
  attempts: Generated<number>
  failure: ColumnType<string | null, undefined, string | null>
  finished_at: ColumnType<bigint | null, undefined, bigint>
}

export interface ObservatoryAlertHistoryTable {
  readonly number: ColumnType<bigint, never, never>
  readonly owner: string
  readonly at: bigint
  readonly what: 'firing' | 'notified' | 'cleared' | 'webhook-disabled'
  readonly rule_id: string | null
  readonly webhook_id: string | null
  readonly name: string
  readonly text: string
  readonly is_notified: boolean
}

export interface ObservatoryAlertSamplesTable {
  readonly at: bigint
  readonly range: string
  readonly figure: string
  readonly value: number
}

export interface ObservatoryAlertRelaysTable {
  readonly url: string
  state: 'known' | 'up' | 'down'
  since: bigint
}

declare module '../../platform/database/tables.ts' {
  interface Tables {
    observatory_alert_revision: ObservatoryAlertRevisionTable
    observatory_alert_rules: ObservatoryAlertRulesTable
    observatory_webhooks: ObservatoryWebhooksTable
    observatory_deliveries: ObservatoryDeliveriesTable
    observatory_alert_history: ObservatoryAlertHistoryTable
    observatory_alert_samples: ObservatoryAlertSamplesTable
    observatory_alert_relays: ObservatoryAlertRelaysTable
  }
}
