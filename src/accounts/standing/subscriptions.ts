import { sql, type Transaction } from 'kysely'
import { accepted } from '../../kernel/index.ts'
import { isHex64 } from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Actor } from '../actor.ts'
import { type AccountsContext, nowOf, type Rows } from '../context.ts'
import { type AccountOutcome, refuse } from '../refusal.ts'
import type { Levels } from './levels.ts'

export interface Subscription {
  readonly pubkey: string
  readonly untilSeconds: number
}

export interface SubscriptionExtension {
  readonly pubkey: string
  readonly seconds: number
  /** Chosen by the caller, for example the id of a payment: with the same key it counts once. */
  readonly key: string
}

/** Who has paid for level 3, and until when. */
export interface Subscriptions {
  /** Sets the end, sooner or later than it was; one in the past ends it. */
  set(subscription: Subscription, by: Actor): Promise<AccountOutcome<void>>
  /**
   * Adds time to what is left, in the caller's transaction: the row is there exactly when the payment is. Repeating it
   * changes nothing. When that is committed, `levels.changed` makes it count at once.
   */
  extend(tx: Transaction<Tables>, extension: SubscriptionExtension): Promise<Subscription>
  of(pubkey: string): Promise<Subscription | undefined>
  /** Those that have not ended, the next to end first. */
  list(limit?: number): Promise<readonly Subscription[]>
}

const MAX_LISTED = 10_000
/** The year 9999: later ends are typing errors. */
const MAX_UNTIL_SECONDS = 253_402_300_799

type Deps = Pick<AccountsContext, 'db' | 'clock' | 'audit'> & { readonly levels: Pick<Levels, 'changed'> }

export function createSubscriptions(deps: Deps): Subscriptions {
  const { db, clock } = deps
  return {
    set: (subscription, by) => setEnd(deps, subscription, by),
    extend: (tx, extension) => extend(tx, nowOf(clock), extension),
    of: (pubkey) => find(db, pubkey),
    async list(limit = MAX_LISTED) {
      const found = await db
        .selectFrom('account_subscriptions')
        .selectAll()
        .where('until_seconds', '>', nowOf(clock))
        .orderBy('until_seconds')
        .limit(Math.min(limit, MAX_LISTED))
        .execute()
      return found.map(subscriptionOf)
    },
  }
}

async function setEnd(
  { db, audit, levels }: Deps,
  { pubkey, untilSeconds }: Subscription,
  by: Actor,
): Promise<AccountOutcome<void>> {
  if (!isHex64(pubkey)) return refuse('INVALID', 'a public key has 64 lowercase hex characters')
  if (!Number.isSafeInteger(untilSeconds) || untilSeconds < 0 || untilSeconds > MAX_UNTIL_SECONDS) {
    return refuse('INVALID', 'the end of a subscription is a time in Unix seconds')
  }
  await db.transaction().execute(async (tx) => {
    const before = await find(tx, pubkey)
    await tx
      .insertInto('account_subscriptions')
      .values({ pubkey, until_seconds: BigInt(untilSeconds) })
      .onConflict((conflict) =>
        conflict.column('pubkey').doUpdateSet({ until_seconds: BigInt(untilSeconds) }),
      )
      .execute()
    await audit.record(tx, {
      ...by,
      action: 'accounts.subscription_set',
      subject: pubkey,
      ...(before !== undefined && { before: { untilSeconds: before.untilSeconds } }),
      after: { untilSeconds },
    })
  })
  await levels.changed([pubkey])
  return accepted(undefined)
}

async function extend(
  tx: Transaction<Tables>,
  now: bigint,
  { pubkey, seconds, key }: SubscriptionExtension,
): Promise<Subscription> {
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto('account_subscription_extensions')
    .values({ key, pubkey, seconds: BigInt(seconds), made_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  if (numInsertedOrUpdatedRows === 0n) {
    const row = await tx
      .selectFrom('account_subscriptions')
      .selectAll()
      .where('pubkey', '=', pubkey)
      .executeTakeFirstOrThrow()
    return subscriptionOf(row)
  }
  const row = await tx
    .insertInto('account_subscriptions')
    .values({ pubkey, until_seconds: now + BigInt(seconds) })
    .onConflict((conflict) =>
      conflict.column('pubkey').doUpdateSet({
        // What is left is not lost; what ended long ago does not count.
        until_seconds: sql`GREATEST(account_subscriptions.until_seconds, ${now}) + ${BigInt(seconds)}`,
      }),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
  return subscriptionOf(row)
}

async function find(rows: Rows, pubkey: string): Promise<Subscription | undefined> {
  const row = await rows
    .selectFrom('account_subscriptions')
    .selectAll()
    .where('pubkey', '=', pubkey)
    .executeTakeFirst()
  return row === undefined ? undefined : subscriptionOf(row)
}

function subscriptionOf(row: { readonly pubkey: string; readonly until_seconds: bigint }): Subscription {
  return { pubkey: row.pubkey, untilSeconds: Number(row.until_seconds) }
}
