import type { AlertsContext } from './context.ts'

/** Rows that go at once; the rest go five minutes later. */
const MAX_SWEPT = 20_000

/** Removes deliveries that ended, and history, when they are old. */
export async function sweep({ db, clock, limits }: AlertsContext): Promise<void> {
  const now = clock.nowSeconds()
  await db
    .deleteFrom('observatory_deliveries')
    .where('id', 'in', (from) =>
      from
        .selectFrom('observatory_deliveries')
        .select('id')
        .where('finished_at', '<', BigInt(now - limits.keepDeliveriesSeconds))
        .limit(MAX_SWEPT),
    )
    .execute()
  await db
    .deleteFrom('observatory_alert_history')
    .where('number', 'in', (from) =>
      from
        .selectFrom('observatory_alert_history')
        .select('number')
        .where('at', '<', BigInt(now - limits.keepHistorySeconds))
        .limit(MAX_SWEPT),
    )
    .execute()
}
