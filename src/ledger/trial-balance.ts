import { type Kysely, sql } from 'kysely'
import { DatabaseError } from 'pg'
import { AppError } from '../kernel/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { TrialBalanceLine } from './ledger.ts'

/** Enough for hundreds of millions of entries. */
const MAX_TIME_MS = 600_000
/** SQLSTATE of a statement that was ended from without, as after its time. */
const CANCELED = '57014'

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
 *
 * @throws AppError LEDGER_UNAVAILABLE when it takes longer than it may.
 */
export async function trialBalanceOf(
  db: Kysely<Tables>,
  maxTimeMs = MAX_TIME_MS,
): Promise<readonly TrialBalanceLine[]> {
  const rows = await db
    .transaction()
    .setAccessMode('read only')
    .execute(async (tx) => {
      await sql`SET LOCAL statement_timeout = ${sql.lit(maxTimeMs)}`.execute(tx)
      return (await TRIAL_BALANCE.execute(tx)).rows
    })
    .catch((cause: unknown) => {
      if (!(cause instanceof DatabaseError) || cause.code !== CANCELED) throw cause
      const message = `The trial balance was ended before it was done (it may take ${maxTimeMs} ms); ask again when the database has less to do.`
      throw new AppError('LEDGER_UNAVAILABLE', message, { cause, facts: { maxTimeMs } })
    })
  return rows.map(({ asset, debits, credits, wrong }) => ({
    asset,
    debits: BigInt(debits),
    credits: BigInt(credits),
    wrongBalances: Number(wrong),
  }))
}

/** One at a time, however many ask: it takes a connection and reads for minutes. */
export function sharedTrialBalance(db: Kysely<Tables>): () => Promise<readonly TrialBalanceLine[]> {
  let running: Promise<readonly TrialBalanceLine[]> | undefined
  return () => {
    running ??= trialBalanceOf(db).finally(() => {
      running = undefined
    })
    return running
  }
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
