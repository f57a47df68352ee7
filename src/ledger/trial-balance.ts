import { type Kysely, sql } from 'kysely'
import type { Tables } from '../platform/database/index.ts'
import type { TrialBalanceLine } from './ledger.ts'

interface Row {
  readonly asset: TrialBalanceLine['asset']
  readonly debits: string
  readonly credits: string
  readonly wrong: bigint
}

/**
 * One statement, and so one moment of the books. It reads every entry there is; nothing waits for it meanwhile. An
 * account is wrong whose balance is not the sum of its entries or not what its last entry says, or which holds something
 * else than its open reservations.
 */
export async function trialBalanceOf(db: Kysely<Tables>): Promise<readonly TrialBalanceLine[]> {
  const rows = await db
    .transaction()
    .setAccessMode('read only')
    .execute(async (tx) => {
      await sql`SET LOCAL statement_timeout = 0`.execute(tx)
      return (await TRIAL_BALANCE.execute(tx)).rows
    })
  return rows.map(({ asset, debits, credits, wrong }) => ({
    asset,
    debits: BigInt(debits),
    credits: BigInt(credits),
    wrongBalances: Number(wrong),
  }))
}

const TRIAL_BALANCE = sql<Row>`
  SELECT a.asset,
    coalesce(sum(e.debits), 0) AS debits,
    coalesce(sum(e.credits), 0) AS credits,
    count(*) FILTER (WHERE
      a.balance <> a.debit_sign * (coalesce(e.debits, 0) - coalesce(e.credits, 0))
      OR a.balance <> coalesce(l.balance_after, 0)
      OR a.held <> coalesce(r.amount, 0)
    ) AS wrong
  FROM ledger_accounts a
  LEFT JOIN (
    SELECT account_id,
      coalesce(sum(amount) FILTER (WHERE is_debit), 0) AS debits,
      coalesce(sum(amount) FILTER (WHERE NOT is_debit), 0) AS credits
    FROM ledger_entries GROUP BY account_id
  ) e ON e.account_id = a.id
  LEFT JOIN LATERAL (
    SELECT balance_after FROM ledger_entries
    WHERE account_id = a.id ORDER BY transfer_id DESC, place DESC LIMIT 1
  ) l ON true
  LEFT JOIN (
    SELECT account_id, sum(amount) AS amount FROM ledger_reservations WHERE state = 'open' GROUP BY account_id
  ) r ON r.account_id = a.id
  GROUP BY a.asset ORDER BY a.asset`
