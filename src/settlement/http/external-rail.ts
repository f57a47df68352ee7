/**
 * A rail that drives a settlement engine of somebody else's by RFC-0038. The engine keeps the keys, finds the payee, and
 * tries on its own until it has paid; a payment is done here as soon as the engine has taken it over. What comes in it
 * tells us (`accounting-api.ts`).
 */
import { AppError, type Asset, accepted, refused } from '../../kernel/index.ts'
import type { OrderFate, Rail, SignedOrder } from '../rail.ts'
import { type HttpTarget, request } from './http-client.ts'
import { writeQuantity } from './quantity.ts'

export interface ExternalRailOptions extends HttpTarget {
  readonly name: string
  readonly asset: Asset
  /** Of the asset's smallest unit, as Interledger counts. */
  readonly scale: number
}

export interface ExternalRail extends Rail {
  /** Tells the engine of a peer, before it settles with it. */
  setUp(party: string, signal: AbortSignal): Promise<void>
  remove(party: string, signal: AbortSignal): Promise<void>
}

const MAX_AMOUNT = 2n ** 256n - 1n

export function createExternalRail(options: ExternalRailOptions): ExternalRail {
  const { name, asset, scale } = options
  const setUp = async (party: string, signal: AbortSignal) => {
    const body = JSON.stringify({ id: accountOf(party) })
    const { status } = await request(options, { method: 'POST', path: '/accounts', body }, signal)
    if (!isDone(status)) throw answered('setting up an account', status)
  }
  /** The same key again is the same payment, so asking is done by sending. */
  const send = async ({ id, bytes }: SignedOrder, signal: AbortSignal): Promise<OrderFate> => {
    const { to, amount } = readSigned(bytes)
    const path = `/accounts/${accountOf(to)}/settlements`
    const message = {
      method: 'POST',
      path,
      idempotencyKey: id,
      body: writeQuantity({ amount, scale }),
    } as const
    const first = await request(options, message, signal)
    if (first.status === 404) await setUp(to, signal)
    const { status } = first.status === 404 ? await request(options, message, signal) : first
    // A refusal of this try says nothing of an earlier one: only its word ends it.
    if (!isDone(status)) throw answered('a payment', status)
    return { state: 'done', fee: undefined, channelId: undefined }
  }
  const none = () => new AppError('INTERNAL', `${name} has no channels`)
  return {
    name,
    info: {
      asset,
      network: `engine:${name}`,
      address: name,
      granularity: 1n,
      maxAmount: MAX_AMOUNT,
      paysDirectly: true,
      needsAddress: false,
      hasChannels: false,
      looksBySending: true,
      minChallengeMs: 0,
    },
    setUp,
    remove: async (party, signal) => {
      const path = `/accounts/${accountOf(party)}`
      const { status } = await request(options, { method: 'DELETE', path }, signal)
      if (!isDone(status) && status !== 404) throw answered('removing an account', status)
    },
    address: async ({ reference }) => reference,
    balance: async () => undefined,
    sign: async (order, { key }) =>
      order.kind === 'pay'
        ? accepted({ id: key, bytes: writeSigned(order.to, order.amount) })
        : refused({ code: 'UNSUPPORTED', text: `${name} only pays` }),
    send,
    look: send,
    incoming: async ({ after }) => ({ payments: [], cursor: after ?? '0', isMore: false }),
    watch: () => () => {},
    channel: async () => undefined,
    signClaim: () => Promise.reject(none()),
    verifyClaim: () => false,
    answer: async (party, message, signal) => {
      const path = `/accounts/${accountOf(party)}/messages`
      const contentType = 'application/octet-stream'
      const { status, body } = await request(
        options,
        { method: 'POST', path, contentType, body: message },
        signal,
      )
      return isDone(status) ? body : undefined
    },
  }
}

/** The peer's id, under which both sides know it. */
function accountOf(party: string): string {
  return party.slice(party.indexOf('/') + 1)
}

function writeSigned(to: string, amount: bigint): Buffer {
  return Buffer.from(`${amount} ${to}`)
}

function readSigned(bytes: Buffer): { readonly to: string; readonly amount: bigint } {
  const [amount = '', to = ''] = bytes.toString().split(' ')
  return { to, amount: BigInt(amount) }
}

function isDone(status: number): boolean {
  return status >= 200 && status < 300
}

function answered(what: string, status: number): AppError {
  return new AppError('RAIL_FAILED', `the settlement engine answered ${what} with ${status}`, {
    facts: { status },
  })
}
