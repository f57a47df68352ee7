/** Channels in their table. A claim is taken, and one is given, by one statement that asks and writes at once. */
import { type Kysely, type Selectable, sql } from 'kysely'
import { AppError, accepted, type Clock, type Outcome, refused } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { claimCame, claimGiven, postOrThrow, type SettlementLedger } from '../bookings.ts'
import { readClaim, writeClaim } from '../order-json.ts'
import type { Rail, RailChannel } from '../rail.ts'
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

  /** Those that may still change, the one that was not looked at for longest first. */
  async notClosed(rail: string, limit: number): Promise<readonly ChannelRecord[]> {
    const rows = await this.#deps.db
      .selectFrom('settlement_channels')
      .selectAll()
      .where('rail', '=', rail)
      .where('state', '<>', 'closed')
      .orderBy('seen_ms')
      .limit(limit)
      .execute()
    return rows.map(recordOf)
  }

  /** Of ours, those whose payee has not said yet that it has the last claim. */
  async undelivered(rail: string, limit: number): Promise<readonly ChannelRecord[]> {
    const rows = await this.#deps.db
      .selectFrom('settlement_channels')
      .selectAll()
      .where('rail', '=', rail)
      .where('direction', '=', 'out')
      .where('state', '<>', 'closed')
      .whereRef('acknowledged', '<', 'nonce')
      .limit(limit)
      .execute()
    return rows.map(recordOf)
  }

  /** Writes down what the network says: a channel that is new to us, or how one stands by now. */
  async note(
    tx: Tx,
    rail: Rail,
    seen: RailChannel,
    whose: { readonly direction: 'in' | 'out'; readonly party: string | undefined },
  ): Promise<void> {
    const standing = {
      deposit: seen.deposit.toString(),
      redeemed: seen.redeemed.toString(),
      state: seen.state,
      closes_ms: seen.closesAtMs === undefined ? null : BigInt(seen.closesAtMs),
      seen_ms: BigInt(this.#deps.clock.nowMs()),
    }
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
        ...standing,
      })
      .onConflict((conflict) =>
        conflict.columns(['rail', 'id']).doUpdateSet({
          ...standing,
          // A network does not open again what it has closed; an endpoint that lags behind the others may say so.
          state: sql`CASE
            WHEN settlement_channels.state = 'closed' OR excluded.state = 'closed' THEN 'closed'
            WHEN settlement_channels.state = 'closing' THEN 'closing'
            ELSE excluded.state END`,
          deposit: sql`greatest(settlement_channels.deposit, excluded.deposit)`,
          redeemed: sql`greatest(settlement_channels.redeemed, excluded.redeemed)`,
          closes_ms: sql`coalesce(excluded.closes_ms, settlement_channels.closes_ms)`,
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
   * brings a claim of the channel or closes it meanwhile; what it does not depend on was checked before.
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
   * Gives the payee of a channel of ours a claim for `amount` more, and books it as paid. Undefined when there is not so
   * much left in it. The claim is written down before anybody sees it.
   */
  give(
    rail: Rail,
    channel: ChannelRecord,
    amount: bigint,
    signal: AbortSignal,
  ): Promise<SignedClaim | undefined> {
    return this.#deps.fenced(async (tx) => {
      const { party } = channel
      if (party === undefined) throw new AppError('INTERNAL', 'a channel of ours has a party')
      const { rows } = await sql<{ claimed: string; nonce: string }>`
        UPDATE settlement_channels
        SET claimed_before = claimed, claimed = claimed + ${amount.toString()}, nonce = nonce + 1,
            claim = '', signature = ''
        WHERE rail = ${rail.name} AND id = ${channel.id} AND direction = 'out' AND state = 'open'
          AND claimed + ${amount.toString()} <= deposit
        RETURNING claimed, nonce`.execute(tx)
      const [row] = rows
      if (row === undefined) return undefined
      const nonce = BigInt(row.nonce)
      const claim = {
        rail: rail.name,
        channelId: channel.id,
        asset: channel.asset,
        amount: BigInt(row.claimed),
        nonce,
        binding: undefined,
      }
      const signature = await rail.signClaim(claim, signal)
      await tx
        .updateTable('settlement_channels')
        .set({ claim: writeClaim(claim), signature })
        .where('rail', '=', rail.name)
        .where('id', '=', channel.id)
        .execute()
      const of = { rail: rail.name, asset: channel.asset, amount, channelId: channel.id, nonce }
      await postOrThrow(this.#deps.ledger, tx, [claimGiven(party, of)])
      return { claim, signature }
    })
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
