/**
 * RFC-0038 as the accounting system: what an engine of somebody else's tells us and asks of us. Its payments are of peers
 * that settle by the rail of that engine (`external-rail.ts`).
 */
import type { Clock } from '../../kernel/index.ts'
import { claimKey } from '../requests.ts'
import type { Settlement } from '../settlement.ts'
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

export interface AccountingApiDeps {
  readonly settlement: Pick<Settlement, 'credit'>
  /** Of the rail that drives the engine. */
  readonly rail: string
  /** Of the asset's smallest unit, as Interledger counts: 9 for `drop` kept at 9 digits. */
  readonly scale: number
  /** Undefined for a peer that does not settle by this rail. */
  readonly findPeer: (id: string) => object | undefined
  /** Brings a message to the settlement of a peer, and its answer back; undefined when there is none. */
  readonly sendMessage: (peerId: string, message: Buffer) => Promise<Buffer | undefined>
  readonly clock: Clock
}

export function createAccountingApi(deps: AccountingApiDeps): (request: ApiRequest) => Promise<ApiAnswer> {
  return async (request) => {
    const at = accountPath(request.path)
    if (request.method !== 'POST' || at === undefined || at.what === '') {
      return failed(404, 'NOT_FOUND', 'there is nothing here')
    }
    if (deps.findPeer(at.id) === undefined) {
      return failed(404, 'UNKNOWN_ACCOUNT', `no peer ${at.id} settles by ${deps.rail}`)
    }
    return at.what === 'settlements' ? credit(deps, at.id, request) : message(deps, at.id, request)
  }
}

async function credit(deps: AccountingApiDeps, id: string, request: ApiRequest): Promise<ApiAnswer> {
  const key = idempotencyKeyOf(request)
  if (key === undefined)
    return failed(400, 'KEY_MISSING', 'an Idempotency-Key of 1 to 200 characters is needed')
  const quantity = readQuantity(request.body)
  if (quantity === undefined)
    return failed(400, 'INVALID', 'the body is {"amount": "<digits>", "scale": 0–255}')
  const scope = `accounting/${deps.rail}/${id}`
  const content = Buffer.from(writeQuantity(quantity))
  let isOther = false
  await deps.settlement.credit({
    rail: deps.rail,
    id: `${id}:${key}`,
    party: `peer/${id}`,
    amountIn: async (tx) => {
      const turn = await claimKey(tx, { scope, key, content, nowMs: deps.clock.nowMs() })
      isOther = turn === 'other'
      return turn === 'first' ? convertKeepingRest(tx, scope, quantity, deps.scale) : 0n
    },
  })
  if (isOther) return failed(409, 'KEY_REUSED', `the Idempotency-Key was used for another amount`)
  return json(201, writeQuantity(quantity))
}

async function message(deps: AccountingApiDeps, id: string, { body }: ApiRequest): Promise<ApiAnswer> {
  const answer = await deps.sendMessage(id, body)
  return answer === undefined ? failed(502, 'NO_ANSWER', `peer ${id} does not answer`) : bytes(201, answer)
}
