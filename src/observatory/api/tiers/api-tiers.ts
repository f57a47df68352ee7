/** Subscriptions of API keys to tiers, paid from relay credit, and what keys were used for. */
import type { Kysely } from 'kysely'
import { AppError, accepted, type Clock, type Outcome, type Refusal, refused } from '../../../kernel/index.ts'
import type { Ledger } from '../../../ledger/index.ts'
import type { Tables } from '../../../platform/database/index.ts'
import type { Logger } from '../../../platform/index.ts'
import {
  type Charged,
  chargeLocked,
  endLocked,
  lockSubscription,
  pay,
  type SubscriptionRow,
  tierPayment,
} from './charge-key.ts'
import { isMonth, type Month, monthAfter, monthOf } from './months.ts'
import type { SubscriptionState } from './subscription-states.ts'
import { type ApiTierSettings, FREE_TIER, type Tier } from './tiers.ts'
import { type DayUsage, UsageCounts } from './usage-counts.ts'

export interface ApiTiersDeps {
  readonly db: Kysely<Tables>
  readonly ledger: Pick<Ledger, 'postIn'>
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: ApiTierSettings
  /** Which of these keys are still good: others are not charged but ended. Absent: all of them. */
  readonly liveKeys?: (keyIds: readonly string[]) => Promise<ReadonlySet<string>>
}

export interface Subscription {
  readonly keyId: string
  readonly owner: string
  /** What it is charged for next. */
  readonly tier: string
  readonly state: SubscriptionState
  readonly paidTier: string | undefined
  readonly paidMonth: Month | undefined
}

/** What somebody who subscribes gets. */
export interface Subscribed {
  readonly tier: string
  /** This month, or the next one where this one is paid for another tier already. */
  readonly fromMonth: Month
}

export interface ChargeReport {
  readonly paid: number
  readonly short: number
  readonly ended: number
}

export interface ApiTiers {
  /** What a key has now; free without a subscription that is paid. At most 10 s old. */
  tierOf(keyId: string): Promise<Tier>
  /**
   * Pays this month and is charged each month from now on. The caller knows that the key is the owner's.
   * Refusals: `UNKNOWN_TIER`, `SHORT_FUNDS` (nothing is changed).
   */
  subscribe(keyId: string, owner: string, tier: string): Promise<Outcome<Subscribed, Refusal>>
  /** Is charged no more; what was paid is had to the end of its month. Refusal: `NOT_FOUND`. */
  end(keyId: string): Promise<Outcome<undefined, Refusal>>
  subscription(keyId: string): Promise<Subscription | undefined>
  /**
   * Charges all that are due for this month, each in a transaction of its own; of another month nothing is due. To be
   * called at least once a day; again, and by several at the same time, is harmless.
   */
  charge(month: Month): Promise<ChargeReport>
  noteUse(keyId: string, requests: number): void
  /** Newest first. */
  usage(keyId: string, days: number): Promise<readonly DayUsage[]>
  /** Begins to write usage, once in some seconds. */
  start(): void
  /** Writes what is left. */
  stop(): Promise<void>
}

const FLUSH_EVERY_MS = 5_000
/** Keys whose tier is remembered, and for how long. */
const MAX_REMEMBERED = 10_000
const REMEMBER_MS = 10_000
/** Keys that are read at once to be charged. */
const CHARGE_PAGE = 500

export function openApiTiers(deps: ApiTiersDeps): ApiTiers {
  return new Tiers(deps)
}

class Tiers implements ApiTiers {
  readonly #deps: ApiTiersDeps
  readonly #usage: UsageCounts
  readonly #free: Tier
  readonly #paid: ReadonlyMap<string, Tier>
  readonly #remembered = new Map<string, { readonly tier: Promise<Tier>; readonly untilMs: number }>()
  #timer: NodeJS.Timeout | undefined

  constructor(deps: ApiTiersDeps) {
    this.#deps = deps
    this.#usage = new UsageCounts(deps.db, deps.clock)
    const { tiers } = deps.settings
    this.#free = tiers.find(({ priceMsatPerMonth }) => priceMsatPerMonth === 0n) ?? FREE_TIER
    this.#paid = new Map(
      tiers.filter(({ priceMsatPerMonth }) => priceMsatPerMonth > 0n).map((tier) => [tier.name, tier]),
    )
  }

  tierOf(keyId: string): Promise<Tier> {
    const nowMs = this.#deps.clock.nowMs()
    const known = this.#remembered.get(keyId)
    if (known !== undefined && known.untilMs > nowMs) return known.tier
    const tier = this.#readTier(keyId)
    this.#remembered.delete(keyId)
    for (const first of this.#remembered.keys()) {
      if (this.#remembered.size < MAX_REMEMBERED) break
      this.#remembered.delete(first)
    }
    this.#remembered.set(keyId, { tier, untilMs: nowMs + REMEMBER_MS })
    tier.catch(() => this.#remembered.delete(keyId))
    return tier
  }

  async subscribe(keyId: string, owner: string, tierName: string): Promise<Outcome<Subscribed, Refusal>> {
    const tier = this.#paid.get(tierName)
    if (tier === undefined) return refused(this.#unknownTier(tierName))
    const outcome = await this.#deps.db.transaction().execute(async (tx) => {
      // The row is there before it is locked, so that two who subscribe a key at once wait for each other.
      await tx
        .insertInto('observatory_api_subscriptions')
        .values({
          key_id: keyId,
          owner,
          tier: tierName,
          state: 'ended',
          ...NOTHING_PAID,
          changed_at: this.#now(),
        })
        .onConflict((conflict) => conflict.column('key_id').doNothing())
        .execute()
      const row = await lockSubscription(tx, keyId)
      if (row === undefined) throw new AppError('INTERNAL', 'a subscription vanished while it was made')
      return this.#subscribeLocked(tx, row, { owner, tier })
    })
    this.#remembered.delete(keyId)
    return outcome
  }

  async end(keyId: string): Promise<Outcome<undefined, Refusal>> {
    return this.#deps.db.transaction().execute(async (tx) => {
      const row = await lockSubscription(tx, keyId)
      if (row === undefined || row.state === 'ended') {
        return refused({ code: 'NOT_FOUND', text: 'this key has no subscription' })
      }
      await endLocked(tx, row, this.#deps.clock.nowSeconds())
      return accepted(undefined)
    })
  }

  async subscription(keyId: string): Promise<Subscription | undefined> {
    const row = await this.#read(keyId)
    if (row === undefined) return undefined
    return {
      keyId,
      owner: row.owner,
      tier: row.tier,
      state: row.state,
      paidTier: row.paid_tier ?? undefined,
      paidMonth: row.paid_month ?? undefined,
    }
  }

  /** @throws RangeError for a text that is no month. */
  async charge(month: Month): Promise<ChargeReport> {
    if (!isMonth(month)) throw new RangeError(`${month} is no month like 2026-11`)
    const counts: Record<Charged, number> = { paid: 0, short: 0, ended: 0, nothing: 0 }
    if (month !== this.#month()) return counts
    let after = ''
    for (;;) {
      const page = await this.#due(month, after)
      const live = await this.#deps.liveKeys?.(page)
      for (const keyId of page) counts[await this.#chargeOne(keyId, month, live?.has(keyId) ?? true)]++
      if (page.length < CHARGE_PAGE) break
      after = page.at(-1) ?? after
    }
    await this.#usage.forgetOld()
    const { paid, short, ended } = counts
    this.#deps.logger.info({ month, paid, short, ended }, 'observatory.api_charged')
    return { paid, short, ended }
  }

  noteUse(keyId: string, requests: number): void {
    this.#usage.note(keyId, requests)
  }

  usage(keyId: string, days: number): Promise<readonly DayUsage[]> {
    return this.#usage.of(keyId, days)
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.#flush(), FLUSH_EVERY_MS).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    await this.#flush()
  }

  async #readTier(keyId: string): Promise<Tier> {
    const month = this.#month()
    let row = await this.#read(keyId)
    // The month has just begun: whoever pays must not wait for the next round of `charge`.
    if (row?.state === 'active' && row.paid_month !== null && row.paid_month < month) {
      await this.#chargeOne(keyId, month, true)
      row = await this.#read(keyId)
    }
    const isPaid = row?.paid_month === month
    return (isPaid ? this.#paid.get(row?.paid_tier ?? '') : undefined) ?? this.#free
  }

  async #subscribeLocked(
    tx: Parameters<typeof lockSubscription>[0],
    row: SubscriptionRow,
    { owner, tier }: { readonly owner: string; readonly tier: Tier },
  ): Promise<Outcome<Subscribed, Refusal>> {
    const month = this.#month()
    const isPaid = row.paid_month !== null && row.paid_month >= month
    if (!isPaid && !(await pay(this.#deps.ledger, tx, tierPayment(row.key_id, owner, tier, month)))) {
      if (row.paid_month === null && row.state === 'ended') await this.#forgetDraft(tx, row.key_id)
      return refused(shortFunds(tier))
    }
    await tx
      .updateTable('observatory_api_subscriptions')
      .set({
        owner,
        tier: tier.name,
        state: 'active',
        lapsed_month: null,
        changed_at: this.#now(),
        ...(!isPaid && { paid_tier: tier.name, paid_month: month }),
      })
      .where('key_id', '=', row.key_id)
      .execute()
    const isLater = isPaid && row.paid_tier !== tier.name
    return accepted({ tier: tier.name, fromMonth: isLater ? monthAfter(month, 1) : month })
  }

  async #forgetDraft(tx: Parameters<typeof lockSubscription>[0], keyId: string): Promise<void> {
    await tx.deleteFrom('observatory_api_subscriptions').where('key_id', '=', keyId).execute()
  }

  #chargeOne(keyId: string, month: Month, isLive: boolean): Promise<Charged> {
    const { db, ledger, clock } = this.#deps
    this.#remembered.delete(keyId)
    return db.transaction().execute(async (tx) => {
      const row = await lockSubscription(tx, keyId)
      if (row === undefined || row.state === 'ended') return 'nothing'
      if (!isLive) {
        await endLocked(tx, row, clock.nowSeconds())
        return 'ended'
      }
      const tierNamed = (name: string) => this.#paid.get(name)
      return chargeLocked({ ledger, tierNamed, nowSeconds: clock.nowSeconds() }, tx, row, month)
    })
  }

  async #due(month: Month, after: string): Promise<readonly string[]> {
    const rows = await this.#deps.db
      .selectFrom('observatory_api_subscriptions')
      .select('key_id')
      .where('state', '<>', 'ended')
      .where((row) => row.or([row('paid_month', 'is', null), row('paid_month', '<', month)]))
      .where('key_id', '>', after)
      .orderBy('key_id')
      .limit(CHARGE_PAGE)
      .execute()
    return rows.map(({ key_id }) => key_id)
  }

  #read(keyId: string): Promise<SubscriptionRow | undefined> {
    return this.#deps.db
      .selectFrom('observatory_api_subscriptions')
      .selectAll()
      .where('key_id', '=', keyId)
      .executeTakeFirst()
  }

  /** Never rejects: what could not be written is written with the next. */
  async #flush(): Promise<void> {
    try {
      await this.#usage.flush()
    } catch (err) {
      this.#deps.logger.warn({ err }, 'observatory.api_usage_not_written')
    }
  }

  #month(): Month {
    return monthOf(this.#deps.clock.nowSeconds())
  }

  #now(): bigint {
    return BigInt(this.#deps.clock.nowSeconds())
  }

  #unknownTier(name: string): Refusal {
    const names = [...this.#paid.keys()].join(', ') || 'none'
    return {
      code: 'UNKNOWN_TIER',
      text: `there is no tier ${JSON.stringify(name.slice(0, 40))}; there are ${names}`,
    }
  }
}

const NOTHING_PAID = { paid_tier: null, paid_month: null, lapsed_month: null } as const

function shortFunds({ name, priceMsatPerMonth }: Tier): Refusal {
  return {
    code: 'SHORT_FUNDS',
    text: `${name} costs ${priceMsatPerMonth} msat a month, and your relay credit is less than that`,
  }
}
