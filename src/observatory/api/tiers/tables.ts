/** The rows of `migrations/0014_api_tiers.sql`. */
import type { Transaction } from 'kysely'
import type { Tables } from '../../../platform/database/index.ts'
import type { SubscriptionState } from './subscription-states.ts'

interface ApiSubscriptionsTable {
  readonly key_id: string
  owner: string
  tier: string
  state: SubscriptionState
  paid_tier: string | null
  paid_month: string | null
  lapsed_month: string | null
  changed_at: bigint
}

interface ApiUsageTable {
  readonly key_id: string
  readonly day: number
  requests: bigint
}

declare module '../../../platform/database/tables.ts' {
  interface Tables {
    observatory_api_subscriptions: ApiSubscriptionsTable
    observatory_api_usage: ApiUsageTable
  }
}

export type Tx = Transaction<Tables>
