/** Keeps the table of channels at what the network says, and finds what has to be done about it. */
import { randomUUID } from 'node:crypto'
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { claimLapsed, claimLost, postOrThrow, type SettlementLedger } from '../bookings.ts'
import type { Orders } from '../orders/orders.ts'
import { pauseAfterFailures } from '../plan-settlement.ts'
import type { Order, Rail, RailChannel } from '../rail.ts'
import type { StepTime } from '../step-time.ts'
import type { Fenced, Tx } from '../tables.ts'
import type { Channels } from './channels.ts'
import type { ChannelRecord } from './check-claim.ts'

/** Channels looked at in one round; the next round looks at the others. */
const MAX_LOOKS = 200
/** Below the challenge of any channel. */
const MAX_PAUSE_MS = 300_000

export interface FollowDeps {
  readonly channels: Channels
  readonly orders: Orders
  readonly fenced: Fenced
  readonly ledger: SettlementLedger
  readonly clock: Clock
  readonly logger: Logger
  /** After the commit: the party's balance has changed. */
  readonly onBooked: (party: string, change: bigint) => void
}

/**
 * Looks at the channels of a rail that are not closed, and orders what is to be done about what it sees, one by one: a look
 * that fails keeps no other from its order, and goes to the back. Throws when none has succeeded.
 */
export async function followChannels(deps: FollowDeps, rail: Rail, time: StepTime): Promise<void> {
  const failures: unknown[] = []
  let looks = 0
  for (const record of await deps.channels.notClosed(rail.name, MAX_LOOKS)) {
    if (time.isOver()) break
    looks += 1
    try {
      await followOne(deps, rail, record, time.limit())
    } catch (err) {
      failures.push(err)
      await deps.channels.looked(record)
    }
  }
  if (failures.length === 0) return
  // One that nobody answers for is not the end of the rail: its round would wait ever longer, and so would the others.
  if (failures.length === looks) throw failures[0]
  deps.logger.warn(
    { err: failures[0], rail: rail.name, failed: failures.length, looks },
    'settlement.channels_not_seen',
  )
}

async function followOne(
  deps: FollowDeps,
  rail: Rail,
  record: ChannelRecord,
  signal: AbortSignal,
): Promise<void> {
  const { channels, orders, fenced, clock, onBooked } = deps
  const seen = await rail.channel(record.id, signal)
  // It was there once. Endpoints that do not know it any more lag behind, or are in a reorganisation.
  if (seen === undefined) return channels.looked(record)
  const lapsed = await fenced(async (tx) => {
    const amount = await noteChannel(deps, tx, rail, seen, record)
    const channel = await channels.find(record, tx)
    const order = channel === undefined ? undefined : orderFor(channel, clock.nowMs())
    if (channel !== undefined && order !== undefined && (await isTurnOf(deps, tx, channel))) {
      const { party, asset } = channel
      await orders.record(tx, { key: randomUUID(), rail: rail.name, asset, party, order })
    }
    return amount
  })
  if (lapsed > 0n && record.party !== undefined) onBooked(record.party, -lapsed)
}

/** Behind orders of a channel that failed the next one waits, and never so long that the channel's end comes first. */
async function isTurnOf(
  { orders, clock }: FollowDeps,
  tx: Tx,
  { rail, id }: ChannelRecord,
): Promise<boolean> {
  const { count, lastMs } = await orders.failuresOf({ rail, channelId: id }, tx)
  return lastMs + Math.min(pauseAfterFailures(count), MAX_PAUSE_MS) <= clock.nowMs() || count === 0
}

/**
 * Writes down how it stands. When it has ended with claims that were not redeemed, books what that means, once; the
 * amount that a party of ours is owed again.
 */
export async function noteChannel(
  { channels, ledger }: Pick<FollowDeps, 'channels' | 'ledger'>,
  tx: Tx,
  rail: Rail,
  seen: RailChannel,
  whose: { readonly direction: 'in' | 'out'; readonly party: string | undefined },
): Promise<bigint> {
  const before = await channels.lock(tx, { rail: rail.name, id: seen.id })
  await channels.note(tx, rail, seen, whose)
  const hasEnded = seen.state === 'closed' && before !== undefined && before.state !== 'closed'
  if (!hasEnded || before.claimed <= seen.redeemed) return 0n
  const amount = before.claimed - seen.redeemed
  const of = { rail: rail.name, asset: rail.info.asset, amount, channelId: seen.id }
  if (before.direction === 'in') {
    await postOrThrow(ledger, tx, [claimLost(of)])
    return 0n
  }
  if (before.party === undefined) return 0n
  await postOrThrow(ledger, tx, [claimLapsed(before.party, of)])
  return amount
}

/** What takes all that our claims on a channel are worth; undefined when nothing is left to take. */
export function redeemOf({ id, direction, best, claimed, redeemed }: ChannelRecord): Order | undefined {
  return direction === 'in' && best !== undefined && claimed > redeemed
    ? { kind: 'redeem', channelId: id, ...best }
    : undefined
}

/** While a channel to us is closing we take what its claims are worth; what is left in ours we take back. */
function orderFor(channel: ChannelRecord, nowMs: number): Order | undefined {
  if (channel.state !== 'closing') return undefined
  const { id: channelId, direction, closesAtMs } = channel
  if (direction === 'in') return redeemOf(channel)
  return closesAtMs !== undefined && closesAtMs <= nowMs ? { kind: 'withdraw', channelId } : undefined
}
