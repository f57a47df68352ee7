/**
 * Settles with peers: pays what is owed above a threshold, credits what came in, holds and redeems the claims of channels.
 * What leaves is written down first (`orders/`); one process at a time does this.
 */
import { randomUUID } from 'node:crypto'
import type { Kysely } from 'kysely'
import { z } from 'zod'
import { accepted, type Clock, type Outcome, type Refusal, refused } from '../kernel/index.ts'
import type { AccountId } from '../ledger/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Logger } from '../platform/index.ts'
import { partyOfAccount, type SettlementLedger } from './bookings.ts'
import { Calls, type KeepAnswer } from './calls.ts'
import { Channels } from './channels/channels.ts'
import type { ChannelRecord, ClaimRefusal, SignedClaim } from './channels/check-claim.ts'
import { redeemOf } from './channels/follow-channels.ts'
import { readFigures, type SettlementFigures } from './figures.ts'
import { creditPayments } from './incoming.ts'
import type { AdvanceDeps } from './orders/advance-order.ts'
import { type GivenUp, type GivingUp, giveUpOrder } from './orders/give-up.ts'
import { type OrderRecord, Orders } from './orders/orders.ts'
import { Parties, type PartySource } from './parties.ts'
import { PeerTalk } from './peer-talk.ts'
import type { ClaimBinding, Order, Rail } from './rail.ts'
import { noteOrderEnd, type RailHealth, RailLoop, UNKNOWN_ORDER } from './rail-loop.ts'
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
  /** Begins to look at the rails, once. Before it, everything can be asked and ordered, and nothing is sent. */
  start(): void
  /** Resolves when nothing is under way in this process any more; what was begun goes on at the next start. */
  stop(): Promise<void>
  /** One round of each rail, now; throws what kept one from its end. */
  flush(): Promise<void>
  /** The balance of a party has passed its threshold, perhaps: the next round looks. Cheap, for each packet. */
  noteBalance(party: string): void
  /**
   * Pays a party, whatever its threshold: `amount`, or what is owed above the target. Once for `key`: who repeats it hears
   * what the first call led to.
   */
  settle(
    party: string,
    request: { readonly key: string; readonly amount?: bigint },
  ): Promise<Outcome<Settled, SettleRefusal>>
  /** Opens a channel to a party with `amount` in it, once for `key`; resolves to the order's own key. */
  openChannel(request: OpenChannel): Promise<Outcome<{ readonly key: string }, Refusal>>
  /** Once for `key`, as above. */
  depositToChannel(request: {
    readonly key: string
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
  /**
   * Takes a claim and credits what it adds; with `tx`, as part of the caller's transaction, who then tells it to the source
   * of the party when a party's account is credited.
   */
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
  /** Those under way first, then the newest; at most 200. */
  orders(party?: string): Promise<readonly OrderRecord[]>
  order(key: string): Promise<OrderRecord | undefined>
  /**
   * Gives up an order that neither happens nor fails, and books it back: a payment that an engine answers with an error for
   * ever stands in the way of all others to its party. Refused while the network may have it. Waits for the rail's round.
   */
  giveUp(key: string, by: GivingUp): Promise<Outcome<GivenUp, Refusal>>
  health(): readonly RailHealth[]
  /** Counts, with the health of the rails: three statements. */
  figures(): Promise<SettlementFigures>
}

export interface OpenChannel {
  /** Of the caller's choice, 1 to 200 characters: one call, however often it is repeated. */
  readonly key: string
  readonly party: string
  readonly amount: bigint
  /** Default: the rail's shortest. */
  readonly challengeMs?: number
}

const orderKey = z.object({ key: z.string() })
type OrderKey = z.output<typeof orderKey>
const readOrderKey = (json: unknown) => orderKey.parse(json)
/** Of orders that are made for their own sake: who repeats one finds it under way, or nothing to do. */
const NOBODY_ASKS: KeepAnswer<OrderKey> = async () => {}

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
  const calls = new Calls(stores)
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
  const settler = new PartySettler({ ...common, calls, talk, onBooked, kick })
  for (const rail of rails) {
    loops.set(
      rail.name,
      new RailLoop({ ...common, rail, talk, settler, onBooked, roundMs: deps.roundMs ?? ROUND_MS }),
    )
  }
  const health = () => [...loops.values()].map((loop) => loop.health())
  const limit = () => AbortSignal.timeout(railTimeoutMs)
  const expected = (binding: ClaimBinding | undefined) => ({
    binding,
    party: undefined,
    nowMs: clock.nowMs(),
    maxUnseenMs,
  })

  const recordIn = async (
    tx: Tx,
    rail: Rail,
    { party, order, keep }: { party: string | undefined; order: Order; keep: KeepAnswer<OrderKey> },
  ): Promise<Outcome<OrderKey, Refusal>> => {
    const key = randomUUID()
    const { asset } = rail.info
    const isNew = await orders.record(tx, { key, rail: rail.name, asset, party, order })
    if (!isNew) return refused(ORDER_UNDER_WAY)
    await keep(tx, { key })
    return accepted({ key })
  }
  const ordered = async (rail: Rail, record: (tx: Tx) => Promise<Outcome<OrderKey, Refusal>>) => {
    const outcome = await fenced(record)
    if (outcome.ok) kick(rail.name)
    return outcome
  }
  /** The channel stands still until the order is written down, so that no claim is taken that the order does not know. */
  const ofChannel = async (
    { rail: railName, id }: { rail: string; id: string },
    orderFor: (channel: ChannelRecord) => Order | undefined,
    keep: KeepAnswer<OrderKey> = NOBODY_ASKS,
  ): Promise<Outcome<OrderKey, Refusal>> => {
    const rail = byName.get(railName)
    if (rail === undefined) return refused(NO_CHANNEL)
    return ordered(rail, async (tx) => {
      const channel = await channels.lock(tx, { rail: railName, id })
      if (channel === undefined) return refused(NO_CHANNEL)
      const order = orderFor(channel)
      if (order === undefined) return refused(NOT_OF_CHANNEL)
      return recordIn(tx, rail, { party: channel.party, order, keep })
    })
  }
  const open = async (
    { party, amount, challengeMs }: OpenChannel,
    keep: KeepAnswer<OrderKey>,
  ): Promise<Outcome<OrderKey, Refusal>> => {
    const found = settler.railOf(party)
    if (!found.ok) return found
    const rail = found.value
    if (!rail.info.hasChannels) return refused({ code: 'UNSUPPORTED', text: `${rail.name} has no channels` })
    const to = await talk.addressOf(party, rail, amount)
    if (to === undefined) return refused({ code: 'NO_ADDRESS', text: `${party} does not say where to pay` })
    const order = {
      kind: 'open',
      to,
      amount,
      challengeMs: challengeMs ?? rail.info.minChallengeMs,
    } as const
    return ordered(rail, (tx) => recordIn(tx, rail, { party, order, keep }))
  }

  return {
    start: () => {
      for (const loop of loops.values()) loop.start()
    },
    stop: async () => {
      talk.stop()
      await Promise.all([...loops.values()].map((loop) => loop.stop()))
    },
    flush: async () => {
      await Promise.all([...loops.values()].map((loop) => loop.flush()))
    },
    noteBalance: (party) => {
      const { rail } = parties.find(party) ?? {}
      if (rail !== undefined) loops.get(rail)?.noteBalance(party)
    },
    settle: (party, request) => settler.settle(party, request),
    openChannel: (request) => {
      const { key, party, amount, challengeMs } = request
      const call = {
        scope: 'open',
        key,
        content: [party, amount, challengeMs],
        readAnswer: readOrderKey,
      }
      return calls.once(call, (keep) => open(request, keep))
    },
    depositToChannel: ({ key, rail, id, amount }) => {
      const call = { scope: 'deposit', key, content: [rail, id, amount], readAnswer: readOrderKey }
      const orderFor = (channel: ChannelRecord): Order | undefined =>
        channel.direction === 'out' && channel.state === 'open'
          ? { kind: 'deposit', channelId: id, amount }
          : undefined
      return calls.once(call, (keep) => ofChannel({ rail, id }, orderFor, keep))
    },
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
    recordClaim: async (signed, { binding, credit }, tx) => {
      const rail = byName.get(signed.claim.rail)
      const taken = await channels.take(rail, signed, { credit, expected: expected(binding), tx })
      const party = partyOfAccount(credit)
      // In a transaction of the caller's nothing is sure yet: it tells the party's source itself.
      if (taken.ok && party !== undefined && tx === undefined) onBooked(party, -taken.value)
      return taken
    },
    claimAllChannels: async (only) => {
      const keys: string[] = []
      for (const rail of rails) {
        if (only !== undefined && rail.name !== only) continue
        for (const channel of await channels.notClosed(rail.name, MAX_LISTED)) {
          if (redeemOf(channel) === undefined) continue
          const outcome = await ofChannel(channel, redeemOf)
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
    giveUp: async (key, by) => {
      const record = await orders.find(key)
      if (record === undefined) return refused(UNKNOWN_ORDER)
      const loop = loops.get(record.rail)
      if (loop !== undefined) return loop.giveUp(key, by)
      const onEnded: AdvanceDeps['onEnded'] = (...args) => noteOrderEnd({ logger, onBooked }, ...args)
      return giveUpOrder({ orders, onEnded }, undefined, record, by, limit())
    },
    health,
    figures: () => readFigures(db, health()),
  }
}

const NO_CHANNEL: Refusal = { code: 'UNKNOWN_CHANNEL', text: 'there is no such channel' }
const ORDER_UNDER_WAY: Refusal = {
  code: 'UNDER_WAY',
  text: 'an order of this kind is under way; wait for its end',
}
const NOT_OF_CHANNEL: Refusal = {
  code: 'CHANNEL_CLOSED',
  text: 'the channel is closed, closing, or not ours to do this with',
}
