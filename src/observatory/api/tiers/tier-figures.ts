import type { Kysely } from 'kysely'
import type { Tables } from '../../../platform/database/index.ts'
import type { SubscriptionState } from './subscription-states.ts'

export interface TierFigures {
  readonly tier: string
  readonly state: SubscriptionState
  readonly count: number
}

/** How many API keys are subscribed to what; of tiers that nobody is subscribed to there is no entry. */
export async function tierFigures(db: Kysely<Tables>): Promise<readonly TierFigures[]> {
  const rows = await db
    .selectFrom('observatory_api_subscriptions')
    .select(['tier', 'state', ({ fn }) => fn.countAll<bigint>().as('count')])
    .groupBy(['tier', 'state'])
    .orderBy('tier')
    .orderBy('state')
    .execute()
  return rows.map(({ tier, state, count }) => ({ tier, state, count: Number(count) }))
}
