/**
 * RFC-0038 as the engine: the accounting system of somebody else (a connector) settles its accounts by a rail of ours. Each
 * of its accounts is a party of the kind `engine`, paid as soon as it is asked for; what comes in is told to the connector
 * until it has heard it.
 *
 * Money: `assets/engine-connector/<account>` is what the connector owes us for what we have paid for it, less what came in
 * for it. `assets/engine/<account>` is below zero while a payment is still to be made.
 */
import { createHash } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { z } from 'zod'
import type { Asset, Clock } from '../../kernel/index.ts'
import type { Transfer } from '../../ledger/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import { postOrThrow, type SettlementLedger } from '../bookings.ts'
import type { PartySource, PartyTerms } from '../parties.ts'
import { claimKey } from '../requests.ts'
import type { Settlement } from '../settlement.ts'
import { fencedBy, type IsLeading, type Tx } from '../tables.ts'
import { type HttpTarget, request } from './http-client.ts'
import { convertKeepingRest, readQuantity, writeQuantity } from './quantity.ts'
import {
  type ApiAnswer,
  type ApiRequest,
  accountPath,
  bytes,
  failed,
  idempotencyKeyOf,
  json,
} from './requests.ts'

export interface EngineApiDeps {
  readonly db: Kysely<Tables>
  readonly ledger: SettlementLedger
  readonly clock: Clock
  readonly logger: Logger
  readonly isLeading?: IsLeading
  readonly rail: string
  readonly asset: Asset
  /** Of the asset's smallest unit, as Interledger counts. */
  readonly scale: number
  /** Where the connector's half of RFC-0038 is served. */
  readonly connector: HttpTarget
}

export interface EngineApi {
  /** For `createSettlement`. Empty until `load`. */
  readonly source: PartySource
  load(): Promise<void>
  /** Answers a request of the connector. */
  handle(settlement: Pick<Settlement, 'answer' | 'noteBalance'>, request: ApiRequest): Promise<ApiAnswer>
  /** Tells the connector what it has not heard yet; to be called every so often. True when something is left. */
  tell(): Promise<boolean>
}

const MAX_ACCOUNTS = 10_000
const MAX_NOTICES = 100
const ANSWER_TIMEOUT_MS = 10_000
const FIRST_PAUSE_MS = 1_000
/** RFC-0038: no more than an hour. */
const MAX_PAUSE_MS = 3_600_000

const newAccount = z.object({ id: z.string().regex(/^[A-Za-z0-9._~-]{1,200}$/) })

export function createEngineApi(deps: EngineApiDeps): EngineApi {
  const { db, clock, connector } = deps
  const fenced = fencedBy(db, deps.isLeading)
  /** By the name of the party: the connector's id. */
  const accounts = new Map<string, string>()
  const termsOf = (name: string): PartyTerms => ({
    name,
    asset: deps.asset,
    rail: deps.rail,
    threshold: 0n,
    target: 0n,
  })

  const source: PartySource = {
    kind: 'engine',
    find: (name) => (accounts.has(name) ? termsOf(name) : undefined),
    list: () => [...accounts.keys()].map(termsOf),
    ask: async (name, data, timeoutMs) => {
      const path = `/accounts/${accounts.get(name)}/messages`
      const message = { method: 'POST', path, contentType: 'application/octet-stream', body: data } as const
      // A connector that cannot be reached is one that gives no answer.
      const answer = await request(connector, message, AbortSignal.timeout(timeoutMs)).catch(() => undefined)
      return answer?.status === 200 || answer?.status === 201 ? answer.body : undefined
    },
    onBooked: () => {},
    receivedIn: async (tx, name, { key, amount }) => {
      const transfer = passedOn(name, deps.asset, { key: `${key}:passed`, amount, isToConnector: true })
      await postOrThrow(deps.ledger, tx, [transfer])
      await tx
        .insertInto('settlement_engine_notices')
        .values({
          key,
          account_id: accounts.get(name) ?? '',
          amount: amount.toString(),
          next_try_ms: BigInt(clock.nowMs()),
        })
        .execute()
    },
  }

  const create = async ({ body }: ApiRequest): Promise<ApiAnswer> => {
    const id = readNewAccount(body)
    if (id === undefined)
      return failed(400, 'INVALID', 'the body is {"id": "<1 to 200 URL-safe characters>"}')
    if (accounts.size >= MAX_ACCOUNTS) return failed(503, 'TOO_MANY', `there are ${MAX_ACCOUNTS} accounts`)
    const name = partyNameOf(id)
    await fenced((tx) =>
      tx
        .insertInto('settlement_engine_accounts')
        .values({ id, party: `engine/${name}`, created_ms: BigInt(clock.nowMs()), deleted_ms: null })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ deleted_ms: null }))
        .execute(),
    )
    accounts.set(name, id)
    return json(201, JSON.stringify({ id }))
  }
  const remove = async (id: string): Promise<ApiAnswer> => {
    const deleted_ms = BigInt(clock.nowMs())
    await fenced((tx) =>
      tx.updateTable('settlement_engine_accounts').set({ deleted_ms }).where('id', '=', id).execute(),
    )
    accounts.delete(partyNameOf(id))
    return { status: 204 }
  }

  return {
    source,
    load: async () => {
      const rows = await db
        .selectFrom('settlement_engine_accounts')
        .select(['id', 'party'])
        .where('deleted_ms', 'is', null)
        .limit(MAX_ACCOUNTS)
        .execute()
      for (const { id } of rows) accounts.set(partyNameOf(id), id)
    },
    handle: async (settlement, asked) => {
      if (asked.method === 'POST' && asked.path === '/accounts') return create(asked)
      const at = accountPath(asked.path)
      if (at === undefined) return failed(404, 'NOT_FOUND', 'there is nothing here')
      const name = partyNameOf(at.id)
      if (!accounts.has(name)) return failed(404, 'UNKNOWN_ACCOUNT', `there is no account ${at.id}`)
      if (asked.method === 'DELETE' && at.what === '') return remove(at.id)
      if (asked.method !== 'POST' || at.what === '') return failed(405, 'NOT_ALLOWED', 'not by this method')
      if (at.what === 'messages') {
        const answer = await settlement.answer(`engine/${name}`, asked.body)
        return answer === undefined
          ? failed(400, 'INVALID', 'the message is not understood')
          : bytes(201, answer)
      }
      const answer = await fencedSettle(deps, fenced, name, asked)
      if (answer.status === 201) settlement.noteBalance(`engine/${name}`)
      return answer
    },
    tell: () => tellConnector(deps, fenced),
  }
}

type FencedTx = ReturnType<typeof fencedBy>

/** Notes that so much is to be paid; the rounds of the rail do it. */
async function fencedSettle(
  deps: EngineApiDeps,
  fenced: FencedTx,
  name: string,
  asked: ApiRequest,
): Promise<ApiAnswer> {
  const key = idempotencyKeyOf(asked)
  if (key === undefined)
    return failed(400, 'KEY_MISSING', 'an Idempotency-Key of 1 to 200 characters is needed')
  const quantity = readQuantity(asked.body)
  if (quantity === undefined)
    return failed(400, 'INVALID', 'the body is {"amount": "<digits>", "scale": 0–255}')
  const scope = `engine/${name}`
  const turn = await fenced(async (tx: Tx) => {
    const content = Buffer.from(writeQuantity(quantity))
    const first = await claimKey(tx, { scope, key, content, nowMs: deps.clock.nowMs() })
    if (first !== 'first') return first
    const amount = await convertKeepingRest(tx, scope, quantity, deps.scale)
    if (amount > 0n) {
      const named = createHash('sha256').update(key).digest('hex').slice(0, 32)
      const transfer = passedOn(name, deps.asset, {
        key: `settlement-engine:${name}:${named}`,
        amount,
        isToConnector: false,
      })
      await postOrThrow(deps.ledger, tx, [transfer])
    }
    return first
  })
  if (turn === 'other') return failed(409, 'KEY_REUSED', 'the Idempotency-Key was used for another amount')
  return json(201, writeQuantity(quantity))
}

/** Between the account that is settled and the connector that it belongs to. */
function passedOn(
  name: string,
  asset: Asset,
  of: { readonly key: string; readonly amount: bigint; readonly isToConnector: boolean },
): Transfer {
  const account = { path: `assets/engine/${name}`, asset }
  const withConnector = { path: `assets/engine-connector/${name}`, asset }
  const [debit, credit] = of.isToConnector ? [account, withConnector] : [withConnector, account]
  return {
    key: of.key,
    entries: [
      { ...debit, side: 'debit', amount: of.amount },
      { ...credit, side: 'credit', amount: of.amount },
    ],
    memo: of.isToConnector
      ? 'came in for an account of a connector'
      : 'to be paid for an account of a connector',
  }
}

async function tellConnector(deps: EngineApiDeps, fenced: FencedTx): Promise<boolean> {
  const { db, clock, connector, scale, logger } = deps
  const rows = await db
    .selectFrom('settlement_engine_notices')
    .selectAll()
    .where('next_try_ms', '<=', BigInt(clock.nowMs()))
    .orderBy('next_try_ms')
    .limit(MAX_NOTICES)
    .execute()
  for (const { key, account_id, amount, tries } of rows) {
    const body = writeQuantity({ amount: BigInt(amount), scale })
    const path = `/accounts/${account_id}/settlements`
    const message = { method: 'POST', path, idempotencyKey: key, body } as const
    const answer = await request(connector, message, AbortSignal.timeout(ANSWER_TIMEOUT_MS)).catch(
      () => undefined,
    )
    if (answer?.status === 200 || answer?.status === 201) {
      await fenced((tx) => tx.deleteFrom('settlement_engine_notices').where('key', '=', key).execute())
      continue
    }
    logger.warn({ accountId: account_id, status: answer?.status, tries }, 'settlement.connector_not_told')
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 20), MAX_PAUSE_MS)
    await fenced((tx) =>
      tx
        .updateTable('settlement_engine_notices')
        .set({
          tries: sql`tries + 1`,
          next_try_ms: BigInt(clock.nowMs() + Math.round(pauseMs * (0.5 + Math.random() / 2))),
        })
        .where('key', '=', key)
        .execute(),
    )
  }
  return rows.length === MAX_NOTICES
}

/** Ids may have capitals, paths of accounts may not: 32 hex digits of the id's SHA-256. */
function partyNameOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32)
}

function readNewAccount(body: Buffer): string | undefined {
  try {
    return newAccount.safeParse(JSON.parse(body.toString())).data?.id
  } catch {
    return undefined
  }
}
