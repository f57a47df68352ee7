/** Charges one key for one month, in a transaction: the posting and the state stand or fall together. */
import { AppError } from '../../../kernel/index.ts'
import type { Ledger, PostRefusal, Transfer } from '../../../ledger/index.ts'
import { type Month, monthAfter } from './months.ts'
import { type SubscriptionState, stateAfter } from './subscription-states.ts'
import type { Tx } from './tables.ts'
import type { Tier } from './tiers.ts'

/** A key that lapsed so many months ago is not asked for money any more. */
export const MAX_LAPSED_MONTHS = 3

export interface SubscriptionRow {
  readonly key_id: string
  readonly owner: string
  readonly tier: string
  readonly state: SubscriptionState
  readonly paid_tier: string | null
  readonly paid_month: string | null
  readonly lapsed_month: string | null
}

/** Reads and locks the row of a key, until the transaction ends. */
export async function lockSubscription(tx: Tx, keyId: string): Promise<SubscriptionRow | undefined> {
  return tx
    .selectFrom('observatory_api_subscriptions')
    .selectAll()
    .where('key_id', '=', keyId)
    .forUpdate()
    .executeTakeFirst()
}

/** The same for a key and a month, however often and by whomever it is asked: the ledger posts it once. */
export function tierPayment(keyId: string, owner: string, tier: Tier, month: Month): Transfer {
  const amount = tier.priceMsatPerMonth
  return {
    key: `api-tier:${keyId}:${month}`,
    entries: [
      { path: `liabilities/credit/${owner}`, asset: 'msat', side: 'debit', amount },
      { path: 'revenue/api', asset: 'msat', side: 'credit', amount },
    ],
    memo: `API ${tier.name}, ${month}`,
  }
}

/** Posts it; false when the owner has too little. @throws AppError INTERNAL for what the ledger refuses for another reason. */
export async function pay(ledger: Pick<Ledger, 'postIn'>, tx: Tx, transfer: Transfer): Promise<boolean> {
  const [outcome] = await ledger.postIn(tx, [transfer])
  if (outcome === undefined) throw new AppError('INTERNAL', 'the ledger did not answer for a transfer')
  if (outcome.ok) return true
  if (outcome.refusal.code === 'SHORT_FUNDS') return false
  throw refusedPosting(transfer, outcome.refusal)
}

export type Charged = 'paid' | 'short' | 'ended' | 'nothing'

export interface ChargeDeps {
  readonly ledger: Pick<Ledger, 'postIn'>
  readonly tierNamed: (name: string) => Tier | undefined
  readonly nowSeconds: number
}

/** What is due of a locked subscription for a month. Repeating it is harmless. */
export async function chargeLocked(
  { ledger, tierNamed, nowSeconds }: ChargeDeps,
  tx: Tx,
  row: SubscriptionRow,
  month: Month,
): Promise<Charged> {
  const { key_id, owner, state, paid_month, lapsed_month } = row
  if (state === 'ended' || (paid_month !== null && paid_month >= month)) return 'nothing'
  const tier = tierNamed(row.tier)
  const isGivenUp = lapsed_month !== null && monthAfter(lapsed_month, MAX_LAPSED_MONTHS) <= month
  // A tier that the operator does not offer any more ends; nobody is charged for another one.
  if (tier === undefined || isGivenUp) {
    await endLocked(tx, row, nowSeconds)
    return 'ended'
  }
  const isPaid = await pay(ledger, tx, tierPayment(key_id, owner, tier, month))
  const move = isPaid ? 'paid' : 'short'
  await tx
    .updateTable('observatory_api_subscriptions')
    .set({
      state: moved(state, move),
      changed_at: BigInt(nowSeconds),
      ...(isPaid
        ? { paid_tier: tier.name, paid_month: month, lapsed_month: null }
        : { lapsed_month: lapsed_month ?? month }),
    })
    .where('key_id', '=', key_id)
    .execute()
  return move
}

export async function endLocked(
  tx: Tx,
  { key_id, state }: SubscriptionRow,
  nowSeconds: number,
): Promise<void> {
  await tx
    .updateTable('observatory_api_subscriptions')
    .set({ state: moved(state, 'end'), lapsed_month: null, changed_at: BigInt(nowSeconds) })
    .where('key_id', '=', key_id)
    .execute()
}

function moved(state: SubscriptionState, move: 'paid' | 'short' | 'end'): SubscriptionState {
  const next = stateAfter(state, move)
  if (next === undefined) throw new AppError('INTERNAL', `a subscription that is ${state} was to be ${move}`)
  return next
}

function refusedPosting({ key }: Transfer, refusal: PostRefusal): AppError {
  const { code } = refusal
  return new AppError('INTERNAL', `the ledger refuses ${key}: ${code}`, { facts: { key, code } })
}
