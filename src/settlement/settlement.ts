/**
 * Settles with peers: pays what is owed above a threshold, credits what came in, holds and redeems the claims of channels.
 * What leaves is written down first (`orders/`); one process at a time does this.
 */
import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { accepted, type Clock, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { AccountId } from '../ledger/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Logger } from '../platform/index.ts'
import type { SettlementLedger } from './bookings.ts'
import { Channels } from './channels/channels.ts'
import type { ChannelRecord, ClaimRefusal, SignedClaim } from './channels/check-claim.ts'
import { creditPayments } from './incoming.ts'
import { type OrderRecord, Orders } from './orders/orders.ts'
import { Parties, type PartySource } from './parties.ts'
import { PeerTalk } from './peer-talk.ts'
import type { ClaimBinding, Order, Rail } from './rail.ts'
import { type RailHealth, RailLoop } from './rail-loop.ts'
import { PartySettler, type Settled, type SettleRefusal } from './settle-party.ts'
import { fencedBy, type IsLeading, type Tx } from './tables.ts'

export interface SettlementDeps {
  readonly db: Kysely<Tables>
  readonly ledger: SettlementLedger
  readonly rails: readonly Rail[]
  readonly parties: readonly PartySource[]
  readonly clock: Clock
  readonly logger: Logger
  /** Undefined for a process that is alone. */
  readonly isLeading?: IsLeading
  /** Between two rounds of a rail. Default 2,000. */
  readonly roundMs?: number
  /** What a rail may take for one answer. Default 30,000. */
  readonly railTimeoutMs?: number
  /** For so long a channel counts as open without the network's word. Default 600,000; below the challenge of any channel. */
  readonly maxUnseenMs?: number
}

/** A claim for something else than a settlement: which, and who is credited. */
export interface ClaimUse {
  readonly binding: ClaimBinding | undefined
  readonly credit: AccountId
}

export interface Settlement {
  /** Begins to look at the rails. Before it, everything can be asked and ordered, and nothing is sent. */
  start(): void
  /** Resolves when nothing is under way in this process any more; what was begun goes on at the next start. */
  stop(): Promise<void>
  /** One round of each rail, now; throws what kept one from its end. */
  flush(): Promise<void>
  /** The balance of a party has passed its threshold, perhaps: look soon. Cheap. */
  noteBalance(party: string): void
  /** Pays a party, whatever its threshold: `amount`, or what is owed above the target. */
  settle(party: string, amount?: bigint): Promise<Outcome<Settled, SettleRefusal>>
  /** Opens a channel to a party with `amount` in it; resolves to the order's key. */
  openChannel(request: OpenChannel): Promise<Outcome<{ readonly key: string }, Refusal>>
  depositToChannel(request: {
    readonly rail: string
    readonly id: string
    readonly amount: bigint
  }): Promise<Outcome<{ readonly key: string }, Refusal>>
  /** Of a channel to us: ends it with its best claim. Of one of ours: begins its end. */
  closeChannel(request: {
    readonly rail: string
    readonly id: string
  }): Promise<Outcome<{ readonly key: string }, Refusal>>
  /** Looks for a channel to us on the network and keeps it, for `party` or for a client of the relay. */
  acceptChannel(request: {
    readonly rail: string
    readonly id: string
    readonly party?: string
  }): Promise<Outcome<ChannelRecord, Refusal>>
  listChannels(query?: { readonly rail?: string; readonly party?: string }): Promise<readonly ChannelRecord[]>
  channelState(id: { readonly rail: string; readonly id: string }): Promise<ChannelRecord | undefined>
  /** What a claim would bring. Says nothing about a moment later: `recordClaim` decides. */
  verifyPaymentClaim(
    signed: SignedClaim,
    use: Pick<ClaimUse, 'binding'>,
  ): Promise<Outcome<bigint, ClaimRefusal>>
  /** Takes a claim and credits what it adds; with `tx`, as part of the caller's transaction. */
  recordClaim(signed: SignedClaim, use: ClaimUse, tx?: Tx): Promise<Outcome<bigint, ClaimRefusal>>
  /** Has what all claims are worth brought home; the keys of the orders. */
  claimAllChannels(rail?: string): Promise<readonly string[]>
  /** What another settlement asks, that of `party`; undefined when it is not understood. */
  answer(party: string, data: Buffer): Promise<Buffer | undefined>
  /** Credits a payment that somebody else has seen (RFC-0038), once for its id; false when it was credited before. */
  credit(payment: {
    readonly rail: string
    readonly id: string
    readonly party: string
    /** In the same transaction: how much it is; of 0 nothing is booked. */
    readonly amountIn: (tx: Tx) => Promise<bigint>
  }): Promise<boolean>
  /** Newest first, at most 200. */
  orders(party?: string): Promise<readonly OrderRecord[]>
  order(key: string): Promise<OrderRecord | undefined>
  health(): readonly RailHealth[]
}

export interface OpenChannel {
  readonly party: string
  readonly amount: bigint
  /** Default: the rail's shortest. */
  readonly challengeMs?: number
}

const ROUND_MS = 2_000
const RAIL_TIMEOUT_MS = 30_000
const MAX_UNSEEN_MS = 600_000
/** Channels, and orders, in one answer. */
const MAX_LISTED = 1_000
const MAX_ORDERS_LISTED = 200

export function createSettlement(deps: SettlementDeps): Settlement {
  const { db, ledger, clock, logger, rails } = deps
  const { railTimeoutMs = RAIL_TIMEOUT_MS, maxUnseenMs = MAX_UNSEEN_MS } = deps
  const fenced = fencedBy(db, deps.isLeading)
  const parties = new Parties(deps.parties)
  const byName = new Map(rails.map((rail) => [rail.name, rail]))
  const stores = { db, fenced, ledger, clock }
  const channels = new Channels(stores)
  const orders = new Orders(stores, (rail) => byName.get(rail)?.info.asset ?? 'msat')
  const loops = new Map<string, RailLoop>()
  const kick = (rail: string) => loops.get(rail)?.kick()
  const onBooked = (party: string, change: bigint) => parties.onBooked(party, change)
  const common = {
    fenced,
    ledger,
    clock,
    logger,
    parties,
    channels,
    orders,
    rails: byName,
    railTimeoutMs,
    maxUnseenMs,
  }
  const talk = new PeerTalk({ ...common, onBooked, kick })
  const settler = new PartySettler({ ...common, talk, onBooked, kick })
  for (const rail of rails) {
    loops.set(
      rail.name,
      new RailLoop({ ...common, rail, talk, settler, onBooked, roundMs: deps.roundMs ?? ROUND_MS }),
    )
  }
  const limit = () => AbortSignal.timeout(railTimeoutMs)
  const expected = (binding: ClaimBinding | undefined) => ({
    binding,
    party: undefined,
    nowMs: clock.nowMs(),
    maxUnseenMs,
  })

  const ordered = async (rail: Rail, party: string | undefined, order: Order) => {
    const key = randomUUID()
    const asset = rail.info.asset
    const isNew = await fenced((tx) => orders.record(tx, { key, rail: rail.name, asset, party, order }))
    if (!isNew)
      return refused({ code: 'UNDER_WAY', text: 'an order of this kind is under way; wait for its end' })
    kick(rail.name)
    return accepted({ key })
  }
  const ofChannel = async (
    { rail: railName, id }: { rail: string; id: string },
    orderFor: (channel: ChannelRecord) => Order | undefined,
  ) => {
    const rail = byName.get(railName)
    const channel = await channels.find({ rail: railName, id })
    if (rail === undefined || channel === undefined) return refused(NO_CHANNEL)
    const order = orderFor(channel)
    return order === undefined ? refused(NOT_OF_CHANNEL) : ordered(rail, channel.party, order)
  }

  return {
    start: () => {
      for (const loop of loops.values()) loop.start()
    },
    stop: async () => {
      await Promise.all([...loops.values()].map((loop) => loop.stop()))
    },
    flush: async () => {
      await Promise.all([...loops.values()].map((loop) => loop.flush()))
    },
    noteBalance: (party) => {
      const { rail } = parties.find(party) ?? {}
      if (rail !== undefined) loops.get(rail)?.noteBalance(party)
    },
    settle: (party, amount) => settler.settle(party, amount),
    openChannel: async ({ party, amount, challengeMs }) => {
      const found = settler.railOf(party)
      if (!found.ok) return found
      const rail = found.value
      if (!rail.info.hasChannels)
        return refused({ code: 'UNSUPPORTED', text: `${rail.name} has no channels` })
      const to = await talk.addressOf(party, rail, amount)
      if (to === undefined) return refused({ code: 'NO_ADDRESS', text: `${party} does not say where to pay` })
      const order = {
        kind: 'open',
        to,
        amount,
        challengeMs: challengeMs ?? rail.info.minChallengeMs,
      } as const
      return ordered(rail, party, order)
    },
    depositToChannel: ({ amount, ...id }) =>
      ofChannel(id, (channel) =>
        channel.direction === 'out' && channel.state === 'open'
          ? { kind: 'deposit', channelId: channel.id, amount }
          : undefined,
      ),
    closeChannel: (id) =>
      ofChannel(id, (channel) => {
        if (channel.state === 'closed') return undefined
        const best = channel.direction === 'in' ? channel.best : undefined
        return { kind: 'close', channelId: channel.id, best }
      }),
    acceptChannel: ({ rail, id, party }) => talk.accept(rail, id, party, limit()),
    listChannels: (query = {}) => channels.list({ ...query, limit: MAX_LISTED }),
    channelState: (id) => channels.find(id),
    verifyPaymentClaim: (signed, { binding }) =>
      channels.verify(byName.get(signed.claim.rail), signed, expected(binding)),
    recordClaim: (signed, { binding, credit }, tx) =>
      channels.take(byName.get(signed.claim.rail), signed, { credit, expected: expected(binding), tx }),
    claimAllChannels: async (only) => {
      const keys: string[] = []
      for (const rail of rails) {
        if (only !== undefined && rail.name !== only) continue
        for (const channel of await channels.notClosed(rail.name, MAX_LISTED)) {
          const { best, direction, claimed, redeemed } = channel
          if (direction !== 'in' || best === undefined || claimed <= redeemed) continue
          const outcome = await ordered(rail, channel.party, {
            kind: 'redeem',
            channelId: channel.id,
            ...best,
          })
          if (outcome.ok) keys.push(outcome.value.key)
        }
      }
      return keys
    },
    answer: (party, data) => talk.answer(party, data),
    credit: async ({ rail: railName, id, party, amountIn }) => {
      const asset = parties.find(party)?.asset
      if (asset === undefined) return false
      const credited = await fenced(async (tx) => {
        const amount = await amountIn(tx)
        return amount > 0n ? creditPayments(common, tx, [{ rail: railName, id, party, amount }], asset) : []
      })
      for (const { amount } of credited) onBooked(party, -amount)
      return credited.length > 0
    },
    orders: (party) => orders.list(party, MAX_ORDERS_LISTED),
    order: (key) => orders.find(key),
    health: () => [...loops.values()].map((loop) => loop.health()),
  }
}

const NO_CHANNEL: Refusal = { code: 'UNKNOWN_CHANNEL', text: 'there is no such channel' }
const NOT_OF_CHANNEL: Refusal = {
  code: 'CHANNEL_CLOSED',
  text: 'the channel is closed, closing, or not ours to do this with',
}
