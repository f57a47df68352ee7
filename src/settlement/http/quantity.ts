/** Amounts as RFC-0038 writes them, and what a conversion of scales leaves over. */
import { sql } from 'kysely'
import { z } from 'zod'
import type { Tx } from '../tables.ts'

/** RFC-0038, `Quantity`: so many units of 10^-scale. */
export interface Quantity {
  readonly amount: bigint
  readonly scale: number
}

const MAX_SCALE = 255

const quantity = z.object({
  amount: z
    .string()
    .regex(/^[0-9]{1,78}$/)
    .transform(BigInt),
  scale: z.int().min(0).max(MAX_SCALE),
})

/** Undefined when it is none. */
export function readQuantity(body: Buffer): Quantity | undefined {
  try {
    return quantity.safeParse(JSON.parse(body.toString())).data
  } catch {
    return undefined
  }
}

export function writeQuantity({ amount, scale }: Quantity): string {
  return JSON.stringify({ amount: amount.toString(), scale })
}

export interface Converted {
  /** In units of the wanted scale, rounded down. */
  readonly whole: bigint
  /** Less than one of them, in units of the scale 255. */
  readonly leftover: bigint
}

/** What a quantity is at another scale, with what was left over before: nothing is lost. */
export function convertScale(given: Quantity, leftoverBefore: bigint, scale: number): Converted {
  const total = given.amount * 10n ** BigInt(MAX_SCALE - given.scale) + leftoverBefore
  const unit = 10n ** BigInt(MAX_SCALE - scale)
  return { whole: total / unit, leftover: total % unit }
}

/** As `convertScale`, with the leftover of `scope` kept in its row. */
export async function convertKeepingRest(
  tx: Tx,
  scope: string,
  given: Quantity,
  scale: number,
): Promise<bigint> {
  await tx
    .insertInto('settlement_leftovers')
    .values({ scope, amount: '0' })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const { rows } = await sql<{ amount: string }>`
    SELECT amount FROM settlement_leftovers WHERE scope = ${scope} FOR UPDATE`.execute(tx)
  const { whole, leftover } = convertScale(given, BigInt(rows[0]?.amount ?? 0), scale)
  await tx
    .updateTable('settlement_leftovers')
    .set({ amount: leftover.toString() })
    .where('scope', '=', scope)
    .execute()
  return whole
}
