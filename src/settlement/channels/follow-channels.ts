/** Keeps the table of channels at what the network says, and finds what has to be done about it. */
import type { Clock } from '../../kernel/index.ts'
import { claimLapsed, claimLost, postOrThrow, type SettlementLedger } from '../bookings.ts'
import type { Order, Rail, RailChannel } from '../rail.ts'
import type { Fenced, Tx } from '../tables.ts'
import type { Channels } from './channels.ts'
import type { ChannelRecord } from './check-claim.ts'

/** Channels looked at in one round; the next round looks at the others. */
const MAX_LOOKS = 200

export interface FollowDeps {
  readonly channels: Channels
  readonly fenced: Fenced
  readonly ledger: SettlementLedger
  readonly clock: Clock
  /** After the commit: the party's balance has changed. */
  readonly onBooked: (party: string, change: bigint) => void
}

/** Looks at the channels of a rail that are not closed; what is to be ordered because of what it saw. */
export async function followChannels(deps: FollowDeps, rail: Rail, signal: AbortSignal) {
  const due: { readonly channel: ChannelRecord; readonly order: Order }[] = []
  for (const record of await deps.channels.notClosed(rail.name, MAX_LOOKS)) {
    const seen = await rail.channel(record.id, signal)
    // It was there once. Endpoints that do not know it any more lag behind, or are in a reorganisation.
    if (seen === undefined) continue
    const lapsed = await deps.fenced((tx) => noteChannel(deps, tx, rail, seen, record))
    if (lapsed > 0n && record.party !== undefined) deps.onBooked(record.party, -lapsed)
    const channel = await deps.channels.find(record)
    const order = channel === undefined ? undefined : orderFor(channel, deps.clock.nowMs())
    if (channel !== undefined && order !== undefined) due.push({ channel, order })
  }
  return due
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

/** While a channel to us is closing we take what its claims are worth; what is left in ours we take back. */
function orderFor(channel: ChannelRecord, nowMs: number): Order | undefined {
  if (channel.state !== 'closing') return undefined
  const { id: channelId, best, claimed, redeemed, closesAtMs } = channel
  if (channel.direction === 'in') {
    return best !== undefined && claimed > redeemed ? { kind: 'redeem', channelId, ...best } : undefined
  }
  return closesAtMs !== undefined && closesAtMs <= nowMs ? { kind: 'withdraw', channelId } : undefined
}
