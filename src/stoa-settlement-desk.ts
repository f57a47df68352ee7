/** Settlement as it is asked by the RPC, the console and other processes. */
import type { AuditRecord } from './audit/index.ts'
import type { SettlementDesk as Overview, SettlementOrder } from './console/index.ts'
import type { SettlementDesk as Calls } from './interledger/rpc/index.ts'
import type { ChannelRecord, OrderRecord, Settlement } from './settlement/index.ts'

export type NodeSettlementDesk = Calls & Pick<Overview, 'orders' | 'figures' | 'giveUp'>

/**
 * The best claim of a channel, and the bytes of an order that is signed, are as good as money: they stay inside.
 *
 * @param record into the audit log; what is not there is not done.
 */
export function settlementDesk(
  settlement: Settlement,
  record: (entry: AuditRecord) => Promise<void>,
): NodeSettlementDesk {
  return {
    settle: (party, request) => settlement.settle(party, request),
    openChannel: (request) => settlement.openChannel(request),
    closeChannel: (id) => settlement.closeChannel(id),
    listChannels: async (query) => (await settlement.listChannels(query)).map(withoutClaim),
    channelState: async (id) => {
      const channel = await settlement.channelState(id)
      return channel && withoutClaim(channel)
    },
    verifyPaymentClaim: (signed, use) => settlement.verifyPaymentClaim(signed, use),
    recordClaim: (signed, use) => settlement.recordClaim(signed, use),
    claimAllChannels: (rail) => settlement.claimAllChannels(rail),
    orders: async () => (await settlement.orders()).map(orderShown),
    figures: () => settlement.figures(),
    giveUp: async (key, { isNeverTaken }, by) => {
      const order = await settlement.order(key)
      if (order !== undefined) {
        // Before it is done, and also when it is refused then: their word was given, and what became of it is in the order.
        await record({
          ...by,
          action: 'settlement.give_up',
          subject: key,
          before: { state: order.state },
          after: { neverTaken: isNeverTaken },
        })
      }
      return settlement.giveUp(key, { actor: by.actor, isNeverTaken })
    },
  }
}

function withoutClaim(channel: ChannelRecord) {
  return { ...channel, best: undefined }
}

function orderShown({
  key,
  rail,
  asset,
  party,
  order,
  state,
  tries,
  reason,
  createdMs,
}: OrderRecord): SettlementOrder {
  return {
    key,
    rail,
    asset,
    party,
    kind: order.kind,
    amount: 'amount' in order ? order.amount : undefined,
    channelId: 'channelId' in order ? order.channelId : undefined,
    state,
    tries,
    reason,
    createdAtMs: createdMs,
  }
}
