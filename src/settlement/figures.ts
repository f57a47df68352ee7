/** Counts of settlement, for metrics and whoever watches. */
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../platform/database/index.ts'
import type { OrderState } from './orders/order-states.ts'
import type { RailHealth } from './rail-loop.ts'

export interface SettlementFigures {
  /** How many orders are in each state, since the beginning; rails and states without any are left out. */
  readonly orders: readonly {
    readonly rail: string
    readonly state: OrderState
    readonly count: number
  }[]
  /** How many channels, both ours (`out`) and to us (`in`); what there is none of is left out. */
  readonly channels: readonly {
    readonly rail: string
    readonly direction: 'in' | 'out'
    readonly state: 'open' | 'closing' | 'closed'
    readonly count: number
  }[]
  /** Requests and calls whose keys are remembered. */
  readonly requests: number
  /** What connectors that settle through this node are still to be told (RFC-0038). */
  readonly noticesWaiting: number
  /** Of each rail of this process. */
  readonly rails: readonly RailFigures[]
}

export interface RailFigures extends RailHealth {
  /** Channels of ours whose payee has not said yet that it has the last claim. */
  readonly undelivered: number
}

export async function readFigures(
  db: Kysely<Tables>,
  health: readonly RailHealth[],
): Promise<SettlementFigures> {
  const count = sql<number>`count(*)::int`
  const [orders, channels, kept] = await Promise.all([
    db
      .selectFrom('settlement_orders')
      .select(['rail', 'state', count.as('count')])
      .groupBy(['rail', 'state'])
      .orderBy('rail')
      .orderBy('state')
      .execute(),
    db
      .selectFrom('settlement_channels')
      .select(['rail', 'direction', 'state', count.as('count')])
      .select(sql<number>`(count(*) FILTER (WHERE acknowledged < nonce))::int`.as('undelivered'))
      .groupBy(['rail', 'direction', 'state'])
      .orderBy('rail')
      .orderBy('direction')
      .orderBy('state')
      .execute(),
    sql<{ requests: number; notices: number }>`
      SELECT (SELECT count(*)::int FROM settlement_requests) AS requests,
        (SELECT count(*)::int FROM settlement_engine_notices) AS notices`.execute(db),
  ])
  const undeliveredOn = (rail: string) =>
    channels
      .filter((row) => row.rail === rail && row.direction === 'out' && row.state !== 'closed')
      .reduce((sum, { undelivered }) => sum + undelivered, 0)
  return {
    orders,
    channels: channels.map(({ rail, direction, state, count }) => ({ rail, direction, state, count })),
    requests: kept.rows[0]?.requests ?? 0,
    noticesWaiting: kept.rows[0]?.notices ?? 0,
    rails: health.map((one) => ({ ...one, undelivered: undeliveredOn(one.rail) })),
  }
}
