/** Takes one order as far as it goes now: signed, stored, sent, looked for. Safe to repeat from wherever it broke off. */
import { AppError, type Clock } from '../../kernel/index.ts'
import type { OrderFate, Rail, RailChannel, SignedOrder } from '../rail.ts'
import type { Tx } from '../tables.ts'
import type { OrderRecord, Orders } from './orders.ts'

/** Signed and not final at one time on one rail; further orders wait before they are signed. */
const MAX_SIGNED = 100
const FIRST_LOOK_MS = 1_000
const MAX_LOOK_MS = 300_000

export interface AdvanceDeps {
  readonly orders: Orders
  readonly clock: Clock
  /** Writes down how a channel stands after an order of it; what its party is owed again because of that. */
  readonly noteChannel: (tx: Tx, rail: Rail, record: OrderRecord, channel: RailChannel) => Promise<bigint>
  readonly onEnded: (record: OrderRecord, how: OrderEnd) => void
  readonly onSent: (record: OrderRecord, signed: SignedOrder) => void
}

export interface OrderEnd {
  readonly state: 'done' | 'failed' | 'given_up'
  readonly reason: string | undefined
  /** What the party is owed again, since its channel has ended with claims that were never redeemed. */
  readonly lapsed: bigint
}

/** What a network that fails has thrown is thrown on; the order then waits for its next try. */
export async function advanceOrder(
  deps: AdvanceDeps,
  rail: Rail,
  record: OrderRecord,
  signal: AbortSignal,
): Promise<void> {
  try {
    const signedRecord = record.state === 'recorded' ? await sign(deps, rail, record, signal) : record
    if (signedRecord === undefined) return
    await sendOrLook(deps, rail, signedRecord, signal)
  } catch (error) {
    await again(deps, record)
    throw error
  }
}

/** Undefined when there is nothing to send: refused, or for another process to send. */
async function sign(
  deps: AdvanceDeps,
  rail: Rail,
  record: OrderRecord,
  signal: AbortSignal,
): Promise<OrderRecord | undefined> {
  const others = await deps.orders.signed(rail.name, MAX_SIGNED)
  if (others.length >= MAX_SIGNED) {
    await again(deps, record)
    return undefined
  }
  const outcome = await rail.sign(record.order, { key: record.key, others }, signal)
  if (outcome.ok) {
    // What the table does not hold is never sent: after a crash here it is signed anew, and this one forgotten.
    const isOurs = await deps.orders.keepSigned(record, outcome.value)
    return isOurs ? { ...record, state: 'signed', signed: outcome.value } : undefined
  }
  const { code, text } = outcome.refusal
  const how = { move: 'refuse', reason: `${code}: ${text}`, fee: undefined } as const
  await failOrder(deps, record, how)
  return undefined
}

async function sendOrLook(
  deps: AdvanceDeps,
  rail: Rail,
  record: OrderRecord,
  signal: AbortSignal,
): Promise<void> {
  const { signed } = record
  if (signed === undefined) {
    throw new AppError('INTERNAL', 'a signed order has its bytes', { facts: { key: record.key } })
  }
  if (record.state === 'signed') {
    const fate = await rail.send(signed, signal)
    if (!(await deps.orders.sent(record))) return
    deps.onSent(record, signed)
    await settleFate(deps, rail, { ...record, state: 'sent' }, fate, signal)
    return
  }
  const fate = await rail.look(signed, signal)
  const newer = fate.state === 'unknown' ? await rail.send(signed, signal) : fate
  await settleFate(deps, rail, record, newer, signal)
}

async function settleFate(
  deps: AdvanceDeps,
  rail: Rail,
  record: OrderRecord,
  fate: OrderFate,
  signal: AbortSignal,
): Promise<void> {
  if (fate.state === 'failed') {
    await failOrder(deps, record, { move: 'fail', reason: fate.reason, fee: fate.fee })
    return
  }
  if (fate.state !== 'done') return again(deps, record)
  const { order } = record
  const channelId = 'channelId' in order ? order.channelId : fate.channelId
  const channel = channelId === undefined ? undefined : await rail.channel(channelId, signal)
  // The network has the order, and not yet its channel: endpoints differ by a block.
  if (channelId !== undefined && channel === undefined) return again(deps, record)
  let lapsed = 0n
  const also = async (tx: Tx) => {
    if (channel !== undefined) lapsed = await deps.noteChannel(tx, rail, record, channel)
  }
  if (await deps.orders.confirm(record, fate.fee, also)) {
    deps.onEnded(record, { state: 'done', reason: undefined, lapsed })
  }
}

/** Ends an order that never can have an effect. */
export async function failOrder(
  { orders, onEnded }: Pick<AdvanceDeps, 'orders' | 'onEnded'>,
  record: OrderRecord,
  how: Parameters<Orders['fail']>[1],
): Promise<void> {
  if (!(await orders.fail(record, how))) return
  const state = how.move === 'give_up' ? 'given_up' : 'failed'
  onEnded(record, { state, reason: how.reason, lapsed: 0n })
}

function again({ orders, clock }: AdvanceDeps, record: OrderRecord): Promise<void> {
  const pauseMs = Math.min(FIRST_LOOK_MS * 2 ** Math.min(record.tries, 20), MAX_LOOK_MS)
  return orders.wait(record, clock.nowMs() + pauseMs)
}
