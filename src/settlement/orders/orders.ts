/** Orders in their table: each move of `ORDER_MOVES` is one statement, with the postings that belong to it. */
import { type Kysely, type Selectable, sql } from 'kysely'
import { AppError, type Asset, type Clock } from '../../kernel/index.ts'
import type { Transfer } from '../../ledger/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { feePaid, paymentFailed, paymentLeaves, postOrThrow, type SettlementLedger } from '../bookings.ts'
import { readOrder, writeOrder } from '../order-json.ts'
import type { Fee, Order, SignedOrder } from '../rail.ts'
import type { Fenced, Tx } from '../tables.ts'
import { FRUITLESS, nextOrderState, type OrderMove, type OrderState, UNDER_WAY } from './order-states.ts'

export interface OrderRecord {
  readonly key: string
  readonly rail: string
  readonly asset: Asset
  readonly party: string | undefined
  readonly order: Order
  readonly state: OrderState
  readonly signed: SignedOrder | undefined
  readonly tries: number
  readonly reason: string | undefined
  readonly createdMs: number
}

export interface NewOrder {
  readonly key: string
  readonly rail: string
  readonly asset: Asset
  readonly party: string | undefined
  readonly order: Order
}

export interface OrdersDeps {
  readonly db: Kysely<Tables>
  readonly fenced: Fenced
  readonly ledger: SettlementLedger
  readonly clock: Clock
}

export class Orders {
  readonly #deps: OrdersDeps
  readonly #assetOf: (rail: string) => Asset

  /** @param assetOf for orders from before they had an asset of their own. */
  constructor(deps: OrdersDeps, assetOf: (rail: string) => Asset) {
    this.#deps = deps
    this.#assetOf = assetOf
  }

  /**
   * Writes it down, and books a payment as paid. False, and nothing is written, when another payment to the party or
   * another order for the channel is under way.
   */
  async record(tx: Tx, { key, rail, asset, party, order }: NewOrder): Promise<boolean> {
    const nowMs = BigInt(this.#deps.clock.nowMs())
    const amount = order.kind === 'pay' ? order.amount : 0n
    const inserted = await tx
      .insertInto('settlement_orders')
      .values({
        key,
        rail,
        kind: order.kind,
        asset,
        party: party ?? null,
        amount: amount.toString(),
        channel_id: 'channelId' in order ? order.channelId : null,
        terms: writeOrder(order),
        signed_id: null,
        signed_bytes: null,
        next_try_ms: nowMs,
        reason: null,
        created_ms: nowMs,
        changed_ms: nowMs,
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('key')
      .execute()
    if (inserted.length === 0) return false
    if (order.kind === 'pay' && party !== undefined) {
      await postOrThrow(this.#deps.ledger, tx, [paymentLeaves({ key, party, rail, asset, amount })])
    }
    return true
  }

  /** Those of a rail whose turn has come: first what brings claims home, which may have to be in time, then the oldest. */
  async due(rail: string, limit: number): Promise<readonly OrderRecord[]> {
    const rows = await this.#deps.db
      .selectFrom('settlement_orders')
      .selectAll()
      .where('rail', '=', rail)
      .where('state', 'in', [...UNDER_WAY])
      .where('next_try_ms', '<=', BigInt(this.#deps.clock.nowMs()))
      .orderBy(sql`kind IN ('redeem', 'close')`, 'desc')
      .orderBy('next_try_ms')
      .orderBy('created_ms')
      .limit(limit)
      .execute()
    return rows.map((row) => this.#recordOf(row))
  }

  async find(key: string): Promise<OrderRecord | undefined> {
    const row = await this.#deps.db
      .selectFrom('settlement_orders')
      .selectAll()
      .where('key', '=', key)
      .executeTakeFirst()
    return row === undefined ? undefined : this.#recordOf(row)
  }

  /** Of a rail, all that is signed and not final. */
  async signed(rail: string, limit: number): Promise<readonly SignedOrder[]> {
    const rows = await this.#deps.db
      .selectFrom('settlement_orders')
      .select(['signed_id', 'signed_bytes'])
      .where('rail', '=', rail)
      .where('state', 'in', ['signed', 'sent'])
      .orderBy('changed_ms')
      .limit(limit)
      .execute()
    return rows.map(({ signed_id, signed_bytes }) => ({
      id: signed_id ?? '',
      bytes: signed_bytes ?? NO_BYTES,
    }))
  }

  /** Newest first; of one party when it is given. */
  async list(party: string | undefined, limit: number): Promise<readonly OrderRecord[]> {
    const rows = await this.#deps.db
      .selectFrom('settlement_orders')
      .selectAll()
      .$if(party !== undefined, (query) => query.where('party', '=', party ?? ''))
      .orderBy((order) => order('state', 'in', [...UNDER_WAY]), 'desc')
      .orderBy('created_ms', 'desc')
      .limit(limit)
      .execute()
    return rows.map((row) => this.#recordOf(row))
  }

  /** The last payments to a party, or orders for a channel, that came to nothing one behind the other; when the last did. */
  async failuresOf(
    whose: { readonly party: string } | { readonly rail: string; readonly channelId: string },
    db: Tx | Kysely<Tables> = this.#deps.db,
  ): Promise<{ readonly count: number; readonly lastMs: number }> {
    const last = db
      .selectFrom('settlement_orders')
      .select(['state', 'changed_ms'])
      .orderBy('created_ms', 'desc')
      .limit(MAX_FAILURES)
    const rows = await ('party' in whose
      ? last.where('party', '=', whose.party).where('kind', '=', 'pay')
      : last.where('rail', '=', whose.rail).where('channel_id', '=', whose.channelId)
    ).execute()
    const fruitless: readonly OrderState[] = FRUITLESS
    const firstOther = rows.findIndex(({ state }) => !fruitless.includes(state))
    return {
      count: firstOther === -1 ? rows.length : firstOther,
      lastMs: Number(rows[0]?.changed_ms ?? 0),
    }
  }

  /** False when another process was quicker; then what was signed here is to be thrown away unsent. */
  keepSigned(record: OrderRecord, signed: SignedOrder): Promise<boolean> {
    return this.#deps.fenced((tx) => this.#move(tx, record, 'sign', { signed }))
  }

  sent(record: OrderRecord): Promise<boolean> {
    return this.#deps.fenced((tx) => this.#move(tx, record, 'send', {}))
  }

  /** @param also what is written in the same transaction. */
  confirm(record: OrderRecord, fee: Fee | undefined, also: (tx: Tx) => Promise<void>): Promise<boolean> {
    return this.#deps.fenced(async (tx) => {
      await lockChannelOf(tx, record)
      if (!(await this.#move(tx, record, 'confirm', {}))) return false
      await postOrThrow(this.#deps.ledger, tx, feesOf(record, fee))
      await also(tx)
      return true
    })
  }

  /** Ends it without effect, and books back what it had booked. */
  fail(
    record: OrderRecord,
    how: {
      readonly move: 'refuse' | 'fail' | 'give_up'
      readonly reason: string
      readonly fee: Fee | undefined
    },
  ): Promise<boolean> {
    return this.#deps.fenced(async (tx) => {
      if (!(await this.#move(tx, record, how.move, { reason: how.reason }))) return false
      await postOrThrow(this.#deps.ledger, tx, [...reversalsOf(record), ...feesOf(record, how.fee)])
      return true
    })
  }

  /** Looked at, and nothing is new: again at `nextTryMs`. */
  async wait(record: OrderRecord, nextTryMs: number): Promise<void> {
    await this.#deps.fenced((tx) =>
      tx
        .updateTable('settlement_orders')
        .set({ tries: sql`tries + 1`, next_try_ms: BigInt(nextTryMs) })
        .where('key', '=', record.key)
        .execute(),
    )
  }

  async #move(
    tx: Tx,
    { key, state }: OrderRecord,
    move: OrderMove,
    change: { readonly signed?: SignedOrder; readonly reason?: string },
  ): Promise<boolean> {
    const next = nextOrderState(state, move)
    if (next === undefined) {
      throw new AppError('INTERNAL', `an order that is ${state} cannot ${move}`, { facts: { key } })
    }
    const nowMs = BigInt(this.#deps.clock.nowMs())
    const { numUpdatedRows } = await tx
      .updateTable('settlement_orders')
      .set({
        state: next,
        tries: 0,
        next_try_ms: nowMs,
        changed_ms: nowMs,
        ...(change.signed !== undefined && {
          signed_id: change.signed.id,
          signed_bytes: change.signed.bytes,
        }),
        ...(change.reason !== undefined && { reason: change.reason.slice(0, MAX_REASON_LENGTH) }),
      })
      .where('key', '=', key)
      .where('state', '=', state)
      .executeTakeFirst()
    return numUpdatedRows === 1n
  }

  #recordOf(row: Selectable<Tables['settlement_orders']>): OrderRecord {
    const { signed_id, signed_bytes } = row
    return {
      key: row.key,
      rail: row.rail,
      asset: row.asset ?? this.#assetOf(row.rail),
      party: row.party ?? undefined,
      order: readOrder(row.terms),
      state: row.state,
      signed:
        signed_id === null || signed_bytes === null ? undefined : { id: signed_id, bytes: signed_bytes },
      tries: row.tries,
      reason: row.reason ?? undefined,
      createdMs: Number(row.created_ms),
    }
  }
}

/** Before the order itself: who orders something for a channel locks in this sequence. */
async function lockChannelOf(tx: Tx, { rail, order }: OrderRecord): Promise<void> {
  if (!('channelId' in order)) return
  await sql`
    SELECT FROM settlement_channels WHERE rail = ${rail} AND id = ${order.channelId} FOR UPDATE`.execute(tx)
}

function reversalsOf({ key, party, rail, asset, order }: OrderRecord): readonly Transfer[] {
  if (order.kind !== 'pay' || party === undefined) return []
  return [paymentFailed({ key, party, rail, asset, amount: order.amount })]
}

function feesOf({ key, rail }: OrderRecord, fee: Fee | undefined): readonly Transfer[] {
  return fee === undefined || fee.amount <= 0n ? [] : [feePaid(rail, key, fee)]
}

/** Orders looked back at for failures in a row. */
const MAX_FAILURES = 20
/** Of a sentence that says why an order failed. */
const MAX_REASON_LENGTH = 300
const NO_BYTES = Buffer.alloc(0)
