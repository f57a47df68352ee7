/** Pays one party: how much, by which way, and at most one payment of it at a time. */
import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { accepted, type Clock, type Outcome, refused } from '../kernel/index.ts'
import type { Logger } from '../platform/index.ts'
import { partyAccount, type SettlementLedger } from './bookings.ts'
import type { Calls, KeepAnswer } from './calls.ts'
import type { Channels } from './channels/channels.ts'
import type { ChannelRecord } from './channels/check-claim.ts'
import { settlementAmount, settlementName } from './order-json.ts'
import type { Orders } from './orders/orders.ts'
import type { Parties } from './parties.ts'
import type { PeerTalk } from './peer-talk.ts'
import { pauseAfterFailures, payable, planSettlement } from './plan-settlement.ts'
import type { Rail } from './rail.ts'
import type { Fenced } from './tables.ts'

export interface SettleRefusal {
  readonly code:
    | 'UNKNOWN_PARTY'
    | 'NO_RAIL'
    | 'NOTHING_OWED'
    | 'OUT_OF_RANGE'
    | 'UNDER_WAY'
    | 'NO_ADDRESS'
    | 'NO_WAY'
    | 'WAITING'
    | 'KEY_REUSED'
  readonly text: string
}

/** `order`: it goes on by itself, look by its key. `claim`: the party is paid as soon as it has the claim. */
export type Settled =
  | { readonly by: 'order'; readonly key: string; readonly amount: bigint }
  | { readonly by: 'claim'; readonly channelId: string; readonly nonce: bigint; readonly amount: bigint }

const settled = z.discriminatedUnion('by', [
  z.object({ by: z.literal('order'), key: settlementName, amount: settlementAmount }),
  z.object({
    by: z.literal('claim'),
    channelId: settlementName,
    nonce: settlementAmount,
    amount: settlementAmount,
  }),
])

const readSettled = (json: unknown): Settled => settled.parse(json)

export interface PartySettlerDeps {
  readonly ledger: SettlementLedger
  readonly rails: ReadonlyMap<string, Rail>
  readonly parties: Parties
  readonly channels: Channels
  readonly orders: Orders
  readonly calls: Calls
  readonly talk: PeerTalk
  readonly fenced: Fenced
  readonly clock: Clock
  readonly logger: Logger
  readonly railTimeoutMs: number
  readonly onBooked: (party: string, change: bigint) => void
  readonly kick: (rail: string) => void
}

/** Channels to one party that are looked through for one with room. */
const MAX_CHANNELS = 100

export class PartySettler {
  readonly #deps: PartySettlerDeps
  /** Parties that are being paid at this moment: what is owed is read before it is booked. */
  readonly #paying = new Set<string>()

  constructor(deps: PartySettlerDeps) {
    this.#deps = deps
  }

  railOf(party: string): Outcome<Rail, SettleRefusal> {
    const terms = this.#deps.parties.find(party)
    if (terms === undefined) return no('UNKNOWN_PARTY', `${party} is nobody that is settled with`)
    const rail = terms.rail === undefined ? undefined : this.#deps.rails.get(terms.rail)
    if (rail === undefined) return no('NO_RAIL', `${party} is settled with by no rail of this node`)
    if (rail.info.asset !== terms.asset) {
      return no('NO_RAIL', `${party} is counted in ${terms.asset}, and ${rail.name} moves ${rail.info.asset}`)
    }
    return accepted(rail)
  }

  /** Pays `amount`, or all that is owed above the target; once for the caller's key. */
  settle(
    party: string,
    { key, amount }: { readonly key: string; readonly amount?: bigint },
  ): Promise<Outcome<Settled, SettleRefusal>> {
    const call = { scope: 'settle', key, content: [party, amount], readAnswer: readSettled }
    return this.#deps.calls.once(call, (keep) => this.#settle(party, amount, keep))
  }

  #settle(party: string, amount: bigint | undefined, keep: KeepAnswer<Settled>) {
    return this.#alone(party, async (rail) => {
      const { granularity, maxAmount } = rail.info
      const wanted =
        amount ?? (await this.#owed(party, rail)) - (this.#deps.parties.find(party)?.target ?? 0n)
      if (wanted <= 0n) return no('NOTHING_OWED', `nothing is owed to ${party} above its target`)
      const due = payable(wanted, granularity, maxAmount)
      if (due === 0n || (amount !== undefined && due !== amount)) {
        return no('OUT_OF_RANGE', `${rail.name} moves multiples of ${granularity} up to ${maxAmount}`)
      }
      return this.#pay(party, rail, due, keep)
    })
  }

  /** Pays when more is owed than the threshold, and waits behind payments that failed. */
  async settleIfDue(party: string): Promise<Outcome<Settled, SettleRefusal>> {
    return this.#alone(party, async (rail) => {
      const terms = this.#deps.parties.find(party)
      if (terms === undefined) return no('UNKNOWN_PARTY', party)
      const balance = -(await this.#owed(party, rail))
      const due = planSettlement({ ...terms, ...rail.info, balance })
      if (due === 0n) return no('NOTHING_OWED', `what is owed to ${party} is within its threshold`)
      const failures = await this.#deps.orders.failuresOf({ party })
      const untilMs = failures.lastMs + pauseAfterFailures(failures.count)
      if (failures.count > 0 && untilMs > this.#deps.clock.nowMs()) {
        return no('WAITING', `${failures.count} payments to ${party} have failed; the next is tried later`)
      }
      return this.#pay(party, rail, due, NOBODY_ASKS)
    })
  }

  async #alone(
    party: string,
    pay: (rail: Rail) => Promise<Outcome<Settled, SettleRefusal>>,
  ): Promise<Outcome<Settled, SettleRefusal>> {
    const rail = this.railOf(party)
    if (!rail.ok) return rail
    if (this.#paying.has(party)) return no('UNDER_WAY', `${party} is being paid`)
    this.#paying.add(party)
    try {
      return await pay(rail.value)
    } finally {
      this.#paying.delete(party)
    }
  }

  async #owed(party: string, rail: Rail): Promise<bigint> {
    const { balance } = await this.#deps.ledger.balance(partyAccount(party, rail.info.asset))
    return -balance
  }

  /** By a claim when a channel has room, else by a payment. */
  async #pay(
    party: string,
    rail: Rail,
    amount: bigint,
    keep: KeepAnswer<Settled>,
  ): Promise<Outcome<Settled, SettleRefusal>> {
    const channel = await this.#channelWithRoom(party, rail, amount)
    if (channel !== undefined) {
      const given = await this.#payByClaim(party, rail, { channel, amount, keep })
      if (given !== undefined) return accepted(given)
    }
    if (!rail.info.paysDirectly) {
      return no('NO_WAY', `no channel to ${party} has room for ${amount}: open one, or put more into one`)
    }
    return this.#payByOrder(party, rail, { amount, keep })
  }

  async #channelWithRoom(party: string, rail: Rail, amount: bigint): Promise<ChannelRecord | undefined> {
    if (!rail.info.hasChannels) return undefined
    const all = await this.#deps.channels.list({ rail: rail.name, party, limit: MAX_CHANNELS })
    return all.find(
      ({ direction, state, deposit, claimed }) =>
        direction === 'out' && state === 'open' && deposit - claimed >= amount,
    )
  }

  async #payByClaim(
    party: string,
    rail: Rail,
    {
      channel,
      amount,
      keep,
    }: { readonly channel: ChannelRecord; readonly amount: bigint; readonly keep: KeepAnswer<Settled> },
  ): Promise<Settled | undefined> {
    const { channels, talk, onBooked, logger, railTimeoutMs } = this.#deps
    const answer = (nonce: bigint) => ({ by: 'claim', channelId: channel.id, nonce, amount }) as const
    const given = await channels.give(channel, amount, (tx, { nonce }) => keep(tx, answer(nonce)))
    if (given === undefined) return undefined
    onBooked(party, amount)
    logger.info({ party, rail: rail.name, amount: `${amount}` }, 'settlement.claim_given')
    // When it is not signed, or does not reach the party now, a round of the rail signs and brings it.
    await talk.deliver(party, rail, given, AbortSignal.timeout(railTimeoutMs)).catch((err: unknown) => {
      logger.warn({ err, party, rail: rail.name }, 'settlement.claim_not_brought')
    })
    return answer(given.claim.nonce)
  }

  async #payByOrder(
    party: string,
    rail: Rail,
    { amount, keep }: { readonly amount: bigint; readonly keep: KeepAnswer<Settled> },
  ): Promise<Outcome<Settled, SettleRefusal>> {
    const to = rail.info.needsAddress ? await this.#deps.talk.addressOf(party, rail, amount) : party
    if (to === undefined) return no('NO_ADDRESS', `${party} does not say where to pay`)
    const key = randomUUID()
    const order = { kind: 'pay', to, amount } as const
    const answer = { by: 'order', key, amount } as const
    const isNew = await this.#deps.fenced(async (tx) => {
      const of = { key, rail: rail.name, asset: rail.info.asset, party, order }
      const recorded = await this.#deps.orders.record(tx, of)
      if (recorded) await keep(tx, answer)
      return recorded
    })
    if (!isNew) return no('UNDER_WAY', `a payment to ${party} is under way`)
    this.#deps.onBooked(party, amount)
    this.#deps.logger.info(
      { party, rail: rail.name, amount: `${amount}`, key },
      'settlement.payment_recorded',
    )
    this.#deps.kick(rail.name)
    return accepted(answer)
  }
}

/** What is due is paid for its own sake; who repeats that finds nothing due. */
const NOBODY_ASKS: KeepAnswer<Settled> = async () => {}

function no(code: SettleRefusal['code'], text: string) {
  return refused<SettleRefusal>({ code, text })
}
