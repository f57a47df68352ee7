import type { Kysely, Transaction } from 'kysely'
import { AppError, type Asset, type Clock, type Outcome } from '../../kernel/index.ts'
import type { PostedTransfer, PostRefusal } from '../../ledger/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { holdsTerm, type LeaderTerm } from '../../platform/leadership/index.ts'
import type { IlpAsset } from '../ilp-asset.ts'
import type { PaymentFacts, PaymentState } from './ilp-node.ts'
import type { IlpPaymentsTable } from './tables.ts'

export interface NewPayment {
  readonly key: string
  readonly destination: string
  readonly sourcePath: string
  readonly asset: Asset
  readonly maxSend: bigint
  /** 32 bytes, of everything that was asked for. */
  readonly contentHash: Buffer
}

export type StoredPayment = NewPayment

export interface PaymentResult {
  readonly state: Exclude<PaymentState, 'running'>
  readonly sent: bigint
  readonly delivered: bigint
  readonly destination?: IlpAsset
  readonly reason: string
}

type PostMoney = (tx: Transaction<Tables>) => Promise<readonly Outcome<PostedTransfer, PostRefusal>[]>

const MAX_REASON_LENGTH = 500
/** Running payments of an earlier run; there are never more than may run at once. */
const MAX_LISTED = 1_000

export class PaymentStore {
  readonly #db: Kysely<Tables>
  readonly #clock: Clock
  readonly #term: LeaderTerm

  constructor({
    db,
    clock,
    term,
  }: {
    readonly db: Kysely<Tables>
    readonly clock: Clock
    readonly term: LeaderTerm
  }) {
    this.#db = db
    this.#clock = clock
    this.#term = term
  }

  async find(
    key: string,
  ): Promise<{ readonly facts: PaymentFacts; readonly contentHash: Buffer } | undefined> {
    const row = await this.#db
      .selectFrom('ilp_payments')
      .selectAll()
      .where('key', '=', key)
      .executeTakeFirst()
    return row && { facts: factsOf(row), contentHash: row.content_hash }
  }

  /** Writes it down and moves the money aside, both or neither. */
  async begin(payment: NewPayment, post: PostMoney): Promise<'begun' | 'known' | PostRefusal> {
    try {
      return await this.#db.transaction().execute(async (tx) => {
        await this.#requireLeader(tx)
        const inserted = await tx
          .insertInto('ilp_payments')
          .values({
            key: payment.key,
            content_hash: payment.contentHash,
            destination: payment.destination,
            source_path: payment.sourcePath,
            asset: payment.asset,
            max_send: String(payment.maxSend),
            state: 'running',
            sent: '0',
            delivered: '0',
            destination_code: '',
            destination_scale: 0,
            reason: '',
            started_at: BigInt(this.#clock.nowMs()),
            ended_at: null,
          })
          .onConflict((conflict) => conflict.column('key').doNothing())
          .executeTakeFirst()
        if (inserted.numInsertedOrUpdatedRows === 0n) return 'known'
        const [moved] = await post(tx)
        if (moved?.ok === false) throw new NotMoved(moved.refusal)
        return 'begun'
      })
    } catch (error) {
      if (error instanceof NotMoved) return error.refusal
      throw error
    }
  }

  /** Writes down how it ended, and gives the rest back, both or neither; the second time changes nothing. */
  async end(key: string, result: PaymentResult, post: PostMoney): Promise<void> {
    await this.#db.transaction().execute(async (tx) => {
      await this.#requireLeader(tx)
      const { numUpdatedRows } = await tx
        .updateTable('ilp_payments')
        .set({
          state: result.state,
          sent: String(result.sent),
          delivered: String(result.delivered),
          destination_code: result.destination?.code ?? '',
          destination_scale: result.destination?.scale ?? 0,
          reason: result.reason.slice(0, MAX_REASON_LENGTH),
          ended_at: BigInt(this.#clock.nowMs()),
        })
        .where('key', '=', key)
        .where('state', '=', 'running')
        .executeTakeFirst()
      if (numUpdatedRows === 0n) return
      const [moved] = await post(tx)
      if (moved?.ok === false)
        throw new AppError('INTERNAL', `The rest of a payment could not go back: ${moved.refusal.code}.`)
    })
  }

  /** Oldest first. */
  async running(): Promise<readonly StoredPayment[]> {
    const rows = await this.#db
      .selectFrom('ilp_payments')
      .selectAll()
      .where('state', '=', 'running')
      .orderBy('started_at')
      .limit(MAX_LISTED)
      .execute()
    return rows.map(({ key, destination, source_path, asset, max_send, content_hash }) => ({
      key,
      destination,
      sourcePath: source_path,
      asset,
      maxSend: BigInt(max_send),
      contentHash: content_hash,
    }))
  }

  async #requireLeader(tx: Transaction<Tables>): Promise<void> {
    if (!(await holdsTerm(tx, this.#term)))
      throw new AppError('LEADERSHIP_LOST', 'Another process is the Interledger node by now.')
  }
}

/** Ends the transaction with what the ledger said. */
class NotMoved extends Error {
  readonly refusal: PostRefusal

  constructor(refusal: PostRefusal) {
    super(refusal.code)
    this.refusal = refusal
  }
}

function factsOf(row: IlpPaymentsTable): PaymentFacts {
  return {
    key: row.key,
    to: row.destination,
    state: row.state,
    asset: row.asset,
    sent: BigInt(row.sent),
    delivered: BigInt(row.delivered),
    destinationCode: row.destination_code,
    destinationScale: row.destination_scale,
    reason: row.reason,
    startedAtMs: Number(row.started_at),
  }
}
