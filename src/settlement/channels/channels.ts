/** Channels in their table. A claim is taken, and one is given, by one statement that asks and writes at once. */
import { type Kysely, type Selectable, sql } from 'kysely'
import { AppError, accepted, type Clock, type Outcome, refused } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { claimCame, claimGiven, postOrThrow, type SettlementLedger } from '../bookings.ts'
import { readClaim, writeClaim } from '../order-json.ts'
import { UNDER_WAY } from '../orders/order-states.ts'
import type { Claim, Rail, RailChannel } from '../rail.ts'
import type { Fenced, SettlementChannelsTable, Tx } from '../tables.ts'
import {
  type ChannelRecord,
  type ClaimExpectations,
  type ClaimRefusal,
  checkClaim,
  type SignedClaim,
} from './check-claim.ts'

export interface ChannelsDeps {
  readonly db: Kysely<Tables>
  readonly fenced: Fenced
  readonly ledger: SettlementLedger
  readonly clock: Clock
}

/** Names a channel. */
export interface ChannelId {
  readonly rail: string
  readonly id: string
}

/** So long the network must have called open what it had called closing, until that is believed: a close that never was. */
const REOPEN_MS = 600_000

export class Channels {
  readonly #deps: ChannelsDeps

  constructor(deps: ChannelsDeps) {
    this.#deps = deps
  }

  async find({ rail, id }: ChannelId, tx: Tx | Kysely<Tables> = this.#deps.db) {
    const row = await tx
      .selectFrom('settlement_channels')
      .selectAll()
      .where('rail', '=', rail)
      .where('id', '=', id)
      .executeTakeFirst()
    return row === undefined ? undefined : recordOf(row)
  }

  /** As `find`, and nobody changes it until the transaction ends. */
  async lock(tx: Tx, { rail, id }: ChannelId): Promise<ChannelRecord | undefined> {
    const row = await tx
      .selectFrom('settlement_channels')
      .selectAll()
      .where('rail', '=', rail)
      .where('id', '=', id)
      .forUpdate()
      .executeTakeFirst()
    return row === undefined ? undefined : recordOf(row)
  }

  /** By name; of one rail, or one party, when it is given. */
  async list(query: { readonly rail?: string; readonly party?: string; readonly limit: number }) {
    const rows = await this.#deps.db
      .selectFrom('settlement_channels')
      .selectAll()
      .$if(query.rail !== undefined, (select) => select.where('rail', '=', query.rail ?? ''))
      .$if(query.party !== undefined, (select) => select.where('party', '=', query.party ?? ''))
      .orderBy('rail')
      .orderBy('id')
      .limit(query.limit)
      .execute()
    return rows.map(recordOf)
  }

  /** Those that may still change, the one that was not asked about for longest first. */
  async notClosed(rail: string, limit: number): Promise<readonly ChannelRecord[]> {
    const rows = await this.#deps.db
      .selectFrom('settlement_channels')
      .selectAll()
      .where('rail', '=', rail)
      .where('state', '<>', 'closed')
      .orderBy('looked_ms')
      .limit(limit)
      .execute()
    return rows.map(recordOf)
  }

  /** Of ours, those whose payee has not said yet that it has the last claim; the one not brought for longest first. */
  async undelivered(rail: string, limit: number): Promise<readonly ChannelRecord[]> {
    const rows = await this.#deps.db
      .selectFrom('settlement_channels')
      .selectAll()
      .where('rail', '=', rail)
      .where('direction', '=', 'out')
      .where('state', '<>', 'closed')
      .whereRef('acknowledged', '<', 'nonce')
      .orderBy('brought_ms')
      .limit(limit)
      .execute()
    return rows.map(recordOf)
  }

  /** It was asked about and nothing was heard: the others come first then. Says nothing of how it stands. */
  async looked({ rail, id }: ChannelId): Promise<void> {
    await this.#touch({ rail, id }, 'looked_ms')
  }

  /** Its last claim is being brought to its payee: the others come first then. */
  async bringing({ rail, id }: ChannelId): Promise<void> {
    await this.#touch({ rail, id }, 'brought_ms')
  }

  async #touch({ rail, id }: ChannelId, when: 'looked_ms' | 'brought_ms'): Promise<void> {
    await this.#deps.fenced((tx) =>
      tx
        .updateTable('settlement_channels')
        .set({ [when]: BigInt(this.#deps.clock.nowMs()) })
        .where('rail', '=', rail)
        .where('id', '=', id)
        .execute(),
    )
  }

  /** Writes down what the network says: a channel that is new to us, or how one stands by now. */
  async note(
    tx: Tx,
    rail: Rail,
    seen: RailChannel,
    whose: { readonly direction: 'in' | 'out'; readonly party: string | undefined },
  ): Promise<void> {
    const nowMs = BigInt(this.#deps.clock.nowMs())
    const standing = {
      deposit: seen.deposit.toString(),
      redeemed: seen.redeemed.toString(),
      state: seen.state,
      closes_ms: seen.closesAtMs === undefined ? null : BigInt(seen.closesAtMs),
      seen_ms: nowMs,
      looked_ms: nowMs,
    }
    // True once, when it is open again: `closing` is believed at once, since there is haste, and taken back with patience.
    const isOpenAgain = sql<boolean>`(settlement_channels.state = 'closing' AND excluded.state = 'open'
      AND settlement_channels.open_again_ms <= ${nowMs - BigInt(REOPEN_MS)})`
    await tx
      .insertInto('settlement_channels')
      .values({
        rail: rail.name,
        id: seen.id,
        direction: whose.direction,
        party: whose.party ?? null,
        asset: rail.info.asset,
        claim_key: seen.claimKey,
        claim: null,
        signature: null,
        open_again_ms: null,
        ...standing,
      })
      .onConflict((conflict) =>
        conflict.columns(['rail', 'id']).doUpdateSet({
          ...standing,
          // A network does not open again what it has closed; an endpoint that lags behind the others may say so.
          state: sql`CASE
            WHEN settlement_channels.state = 'closed' OR excluded.state = 'closed' THEN 'closed'
            WHEN settlement_channels.state = 'closing' AND NOT coalesce(${isOpenAgain}, false) THEN 'closing'
            ELSE excluded.state END`,
          open_again_ms: sql`CASE
            WHEN settlement_channels.state = 'closing' AND excluded.state = 'open'
              THEN CASE WHEN ${isOpenAgain} THEN NULL ELSE coalesce(settlement_channels.open_again_ms, ${nowMs}) END
            ELSE NULL END`,
          deposit: sql`greatest(settlement_channels.deposit, excluded.deposit)`,
          redeemed: sql`greatest(settlement_channels.redeemed, excluded.redeemed)`,
          closes_ms: sql`CASE WHEN ${isOpenAgain} THEN NULL
            ELSE coalesce(excluded.closes_ms, settlement_channels.closes_ms) END`,
        }),
      )
      .execute()
  }

  /** Whether it would be taken now; says nothing about a moment later. */
  async verify(
    rail: Rail | undefined,
    signed: SignedClaim,
    expected: ClaimExpectations,
  ): Promise<Outcome<bigint, ClaimRefusal>> {
    const channel = await this.find({ rail: signed.claim.rail, id: signed.claim.channelId })
    return checkClaim(rail, channel, signed, expected)
  }

  /**
   * Takes a claim and credits what it adds to `credit`, in `tx` when that is given. One statement decides, whoever else
   * brings a claim of the channel meanwhile; what it does not depend on was checked before. Once we have ordered the
   * channel's end none is taken any more: that order has the best claim in it, and what comes later would be lost.
   */
  async take(
    rail: Rail | undefined,
    signed: SignedClaim,
    { credit, expected, tx }: { credit: AccountId; expected: ClaimExpectations; tx?: Tx | undefined },
  ): Promise<Outcome<bigint, ClaimRefusal>> {
    if (tx === undefined) {
      return this.#deps.fenced((own) => this.take(rail, signed, { credit, expected, tx: own }))
    }
    const { claim } = signed
    const channelId = { rail: claim.rail, id: claim.channelId }
    const before = checkClaim(rail, await this.find(channelId, tx), signed, expected)
    if (!before.ok) return before
    // Whoever orders the end holds this lock too: only a statement behind it is sure to see that order.
    await this.lock(tx, channelId)
    if (await this.#isEnding(tx, channelId)) {
      return refused({ code: 'CHANNEL_CLOSED', text: `channel ${claim.channelId} is being closed by us` })
    }
    const { rows } = await sql<{ gained: string }>`
      UPDATE settlement_channels
      SET claimed_before = claimed, claimed = ${claim.amount.toString()}, nonce = ${claim.nonce.toString()},
          claim = ${writeClaim(claim)}, signature = ${signed.signature}
      WHERE rail = ${claim.rail} AND id = ${claim.channelId} AND direction = 'in' AND state = 'open'
        AND seen_ms >= ${BigInt(expected.nowMs - expected.maxUnseenMs)}
        AND nonce < ${claim.nonce.toString()} AND claimed < ${claim.amount.toString()}
        AND deposit >= ${claim.amount.toString()}
      RETURNING claimed - claimed_before AS gained`.execute(tx)
    const [row] = rows
    if (row === undefined) {
      // Somebody was quicker, and by now there is a reason.
      const after = checkClaim(rail, await this.find(channelId, tx), signed, expected)
      return after.ok ? refused({ code: 'OLD_NONCE', text: 'another claim came at the same moment' }) : after
    }
    const amount = BigInt(row.gained)
    const { rail: railName, asset, nonce } = claim
    const transfer = claimCame(credit, { rail: railName, asset, amount, channelId: claim.channelId, nonce })
    await postOrThrow(this.#deps.ledger, tx, [transfer])
    return accepted(amount)
  }

  /**
   * Gives the payee of a channel of ours a claim for `amount` more, and books it as paid: the claim, which is still to
   * be signed (`signed`). Undefined when there is not so much left in it. No transaction waits for a key: if signing fails,
   * the debt is paid by a claim that the next round signs, or booked back when the channel ends without it.
   *
   * @param also what is written in the same transaction.
   */
  give(
    { rail, id, party, asset }: ChannelRecord,
    amount: bigint,
    also: (tx: Tx, claim: Claim) => Promise<void>,
  ): Promise<SignedClaim | undefined> {
    return this.#deps.fenced(async (tx) => {
      if (party === undefined) throw new AppError('INTERNAL', 'a channel of ours has a party')
      const { rows } = await sql<{ claimed: string; nonce: string }>`
        UPDATE settlement_channels
        SET claimed_before = claimed, claimed = claimed + ${amount.toString()}, nonce = nonce + 1,
            claim = '', signature = ${NOT_SIGNED}
        WHERE rail = ${rail} AND id = ${id} AND direction = 'out' AND state = 'open'
          AND claimed + ${amount.toString()} <= deposit
        RETURNING claimed, nonce`.execute(tx)
      const [row] = rows
      if (row === undefined) return undefined
      const nonce = BigInt(row.nonce)
      const claim = { rail, channelId: id, asset, amount: BigInt(row.claimed), nonce, binding: undefined }
      await tx
        .updateTable('settlement_channels')
        .set({ claim: writeClaim(claim) })
        .where('rail', '=', rail)
        .where('id', '=', id)
        .execute()
      await postOrThrow(this.#deps.ledger, tx, [
        claimGiven(party, { rail, asset, amount, channelId: id, nonce }),
      ])
      await also(tx, claim)
      return { claim, signature: NOT_SIGNED }
    })
  }

  /** The claim with its signature: signed now if it was not yet. What another has signed meanwhile stands. */
  async signed(rail: Rail, { claim, signature }: SignedClaim, signal: AbortSignal): Promise<SignedClaim> {
    if (signature.byteLength > 0) return { claim, signature }
    const own = await rail.signClaim(claim, signal)
    const row = await this.#deps.fenced((tx) =>
      tx
        .updateTable('settlement_channels')
        .set({ signature: sql`CASE WHEN signature = ${NOT_SIGNED} THEN ${own} ELSE signature END` })
        .where('rail', '=', rail.name)
        .where('id', '=', claim.channelId)
        .where('nonce', '=', claim.nonce.toString())
        .returning('signature')
        .executeTakeFirst(),
    )
    return { claim, signature: row?.signature ?? own }
  }

  async #isEnding(tx: Tx, { rail, id }: ChannelId): Promise<boolean> {
    const order = await tx
      .selectFrom('settlement_orders')
      .select('key')
      .where('rail', '=', rail)
      .where('channel_id', '=', id)
      .where('kind', '=', 'close')
      .where('state', 'in', [...UNDER_WAY])
      .limit(1)
      .executeTakeFirst()
    return order !== undefined
  }

  /** The payee has said that it has our claims up to this nonce. */
  async acknowledge({ rail, id }: ChannelId, nonce: bigint): Promise<void> {
    await this.#deps.fenced((tx) =>
      tx
        .updateTable('settlement_channels')
        .set({ acknowledged: sql`least(nonce, greatest(acknowledged, ${nonce.toString()}::numeric))` })
        .where('rail', '=', rail)
        .where('id', '=', id)
        .where('direction', '=', 'out')
        .execute(),
    )
  }
}

/** Of a claim that was booked, and that no key has signed yet. */
const NOT_SIGNED = Buffer.alloc(0)

function recordOf(row: Selectable<SettlementChannelsTable>): ChannelRecord {
  const { claim, signature } = row
  return {
    rail: row.rail,
    id: row.id,
    direction: row.direction,
    party: row.party ?? undefined,
    asset: row.asset,
    claimKey: row.claim_key,
    deposit: BigInt(row.deposit),
    redeemed: BigInt(row.redeemed),
    claimed: BigInt(row.claimed),
    nonce: BigInt(row.nonce),
    acknowledged: BigInt(row.acknowledged),
    best: claim === null || signature === null ? undefined : { claim: readClaim(claim), signature },
    state: row.state,
    closesAtMs: row.closes_ms === null ? undefined : Number(row.closes_ms),
    seenMs: Number(row.seen_ms),
  }
}
