/** How debts between the node and its peers are paid: rails, orders, channels. Amounts are decimal texts. */
import Type from 'typebox'
import type { ChannelFacts } from '../../interledger/rpc/index.ts'
import { accepted } from '../../kernel/index.ts'
import type { RailFigures, SettlementOrder } from '../operator.ts'
import { exactly, listOf, oneOf, PageLimit } from '../schemas.ts'
import { AssetWord, Units } from './ledger.ts'
import { changing, type Operation, showing } from './operation.ts'

/** Orders, and channels, unless more are asked for. */
const DEFAULT_LISTED = 20

const Count = Type.Integer({ minimum: 0 })
const Millis = Type.Integer({ description: 'Unix milliseconds.' })
const Name = Type.String()
const DirectionWord = oneOf(['in', 'out'])

const RailShape = exactly({
  rail: Name,
  status: oneOf(['ok', 'degraded']),
  failedRounds: Type.Integer({ description: 'Rounds in a row that did not come to their end.' }),
  lastRoundAtMs: Type.Optional(Millis),
  lastError: Type.Optional(Type.String()),
  undelivered: Type.Integer({ description: 'Channels of ours whose payee may lack the last claim.' }),
})

const OrderShape = exactly({
  key: Name,
  rail: Name,
  asset: AssetWord,
  kind: Name,
  state: Name,
  party: Type.Optional(Name),
  amount: Type.Optional(Units),
  channelId: Type.Optional(Name),
  tries: Count,
  reason: Type.Optional(Type.String()),
  createdAtMs: Millis,
})

const ChannelShape = exactly({
  rail: Name,
  id: Name,
  direction: DirectionWord,
  state: Name,
  party: Type.Optional(Name),
  asset: AssetWord,
  deposit: Type.Unsafe<string>({ ...Units, description: 'All that was ever put in.' }),
  claimed: Type.Unsafe<string>({ ...Units, description: 'By its best claim.' }),
  redeemed: Type.Unsafe<string>({ ...Units, description: 'Taken by the payee on the network.' }),
  closesAtMs: Type.Optional(Millis),
  seenAtMs: Type.Integer({ description: 'When the network was last seen to say so.' }),
})

const OVERVIEW = showing({
  path: 'interledger/settlement',
  says: 'How debts are paid: the state of rails, how many orders and channels there are, and the newest of them.',
  need: 'operate',
  desk: 'settlement',
  input: exactly({ limit: Type.Optional(PageLimit) }),
  output: exactly({
    rails: listOf(RailShape),
    orderCounts: listOf(exactly({ rail: Name, state: Name, count: Count })),
    channelCounts: listOf(exactly({ rail: Name, direction: DirectionWord, state: Name, count: Count })),
    requests: Type.Integer({ description: 'Calls whose keys are remembered.' }),
    noticesWaiting: Type.Integer({
      description: 'What connectors that settle through this node are still to be told.',
    }),
    orders: listOf(OrderShape),
    channels: listOf(ChannelShape),
  }),
  run: async (desk, { limit = DEFAULT_LISTED }) => {
    const [figures, orders, channels] = await Promise.all([
      desk.figures(),
      desk.orders(),
      desk.listChannels(),
    ])
    const { rails, requests, noticesWaiting } = figures
    return accepted({
      rails: rails.map(railShown),
      orderCounts: figures.orders,
      channelCounts: figures.channels,
      requests,
      noticesWaiting,
      orders: orders.slice(0, limit).map(orderShown),
      channels: channels.slice(0, limit).map(channelShown),
    })
  },
})

const GIVE_UP = changing({
  path: 'interledger/settlement/give-up',
  says: 'Gives up an order that neither happens nor fails, and books it back: a payment of which an engine always answers with an error, say. Its network is asked first, where it can be; what that has is not given up.',
  need: 'operate',
  desk: 'settlement',
  input: exactly({
    key: Type.String({ minLength: 1, maxLength: 200, description: 'Of the order, as `orders` shows it.' }),
    neverTaken: Type.Optional(
      Type.Boolean({
        description:
          'Your word, which the audit log keeps, that the network never took this order and never will. If it does, it is paid twice. Needed for all that was signed, unless the network itself says that it failed.',
      }),
    ),
  }),
  output: exactly({
    state: Type.Unsafe<'failed' | 'given_up'>({
      ...oneOf(['failed', 'given_up']),
      description: 'failed: the network says so itself.',
    }),
  }),
  run: (desk, { key, neverTaken = false }, by) => desk.giveUp(key, { isNeverTaken: neverTaken }, by),
})

export const SETTLEMENT_OPERATIONS: readonly Operation[] = [OVERVIEW, GIVE_UP]

function railShown({ rail, status, failedRounds, lastRoundMs, lastError, undelivered }: RailFigures) {
  return {
    rail,
    status,
    failedRounds,
    ...(lastRoundMs !== undefined && { lastRoundAtMs: lastRoundMs }),
    ...(lastError !== undefined && { lastError }),
    undelivered,
  }
}

function orderShown(order: SettlementOrder) {
  const { key, rail, asset, kind, state, party, amount, channelId, tries, reason, createdAtMs } = order
  return {
    key,
    rail,
    asset,
    kind,
    state,
    ...(party !== undefined && { party }),
    ...(amount !== undefined && { amount: String(amount) }),
    ...(channelId !== undefined && { channelId }),
    tries,
    ...(reason !== undefined && { reason }),
    createdAtMs,
  }
}

function channelShown(channel: ChannelFacts) {
  const { rail, id, direction, state, party, asset, deposit, claimed, redeemed, closesAtMs, seenMs } = channel
  return {
    rail,
    id,
    direction,
    state,
    ...(party !== undefined && { party }),
    asset,
    deposit: String(deposit),
    claimed: String(claimed),
    redeemed: String(redeemed),
    ...(closesAtMs !== undefined && { closesAtMs }),
    seenAtMs: seenMs,
  }
}
