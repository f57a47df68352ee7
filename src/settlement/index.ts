/** The door of settlement: rails, and who is paid by them. */
export { partyAccount, type SettlementLedger } from './bookings.ts'
export type { ChannelRecord, ClaimRefusal, SignedClaim } from './channels/check-claim.ts'
export type { RailFigures, SettlementFigures } from './figures.ts'
export { SETTLEMENT_PROTOCOL } from './messages.ts'
export type { GivenUp, GivingUp } from './orders/give-up.ts'
export type { OrderState } from './orders/order-states.ts'
export type { OrderRecord } from './orders/orders.ts'
export type { PartySource, PartyTerms } from './parties.ts'
export type * from './rail.ts'
export type { RailHealth } from './rail-loop.ts'
export type { Settled, SettleRefusal } from './settle-party.ts'
export {
  type ClaimUse,
  createSettlement,
  type OpenChannel,
  type Settlement,
  type SettlementDeps,
} from './settlement.ts'
export type { IsLeading } from './tables.ts'
