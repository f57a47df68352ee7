/**
 * What the stub's chain means: a pure function from its blocks to balances and channels. Like on a real chain each account
 * numbers its transactions, a transaction can fail and still use up its number, and an old one runs out.
 */
import type { StubTransaction } from './transactions.ts'

export interface StubChannelState {
  readonly id: string
  readonly payer: string
  readonly payee: string
  readonly deposit: bigint
  readonly redeemed: bigint
  /** How `redeemed` rose. */
  readonly redemptions: readonly { readonly height: number; readonly upTo: bigint }[]
  readonly challengeMs: number
  readonly closesAtMs: number | undefined
  /** Of the block that ended it. */
  readonly closedHeight: number | undefined
}

export interface StubResult {
  readonly id: string
  readonly transaction: StubTransaction
  readonly height: number
  /** Undefined when it took effect. */
  readonly failure: string | undefined
}

export interface StubBlock {
  readonly timeMs: number
  readonly transactions: readonly { readonly id: string; readonly transaction: StubTransaction }[]
}

/** The state behind some blocks. Amounts beyond u64 do not occur: the decoder refuses them. */
export class StubState {
  readonly balances = new Map<string, bigint>()
  readonly nextNumbers = new Map<string, number>()
  readonly channels = new Map<string, StubChannelState>()
  readonly results = new Map<string, StubResult>()
  /** Results in order of the blocks: what a payee reads. */
  readonly history: StubResult[] = []
  height = 0
  timeMs = 0

  mint(to: string, amount: bigint): void {
    this.balances.set(to, this.balanceOf(to) + amount)
  }

  balanceOf(account: string): bigint {
    return this.balances.get(account) ?? 0n
  }

  nextNumberOf(account: string): number {
    return this.nextNumbers.get(account) ?? 0
  }

  apply(block: StubBlock): void {
    this.height += 1
    this.timeMs = block.timeMs
    for (const { id, transaction } of block.transactions) {
      const failure = this.#effect(id, transaction)
      this.nextNumbers.set(transaction.from, transaction.number + 1)
      const result = { id, transaction, height: this.height, failure }
      this.results.set(id, result)
      this.history.push(result)
    }
  }

  /** Undefined when it took effect, else why it failed and changed nothing. */
  #effect(id: string, { from, action }: StubTransaction): string | undefined {
    if (action.kind === 'pay') return this.#pay(from, action.to, action.amount)
    if (action.kind === 'open') return this.#open(id, from, action)
    const channel = this.channels.get(action.channelId)
    if (channel === undefined || channel.closedHeight !== undefined) return 'there is no such channel'
    if (action.kind === 'deposit') return this.#deposit(from, channel, action.amount)
    if (action.kind === 'withdraw') return this.#withdraw(from, channel)
    if (from === channel.payer && action.kind === 'close') return this.#beginClosing(channel)
    if (from !== channel.payee) return 'the channel is of others'
    const upTo = action.best?.amount ?? channel.redeemed
    return this.#redeem(channel, upTo, action.kind === 'close')
  }

  #pay(from: string, to: string, amount: bigint): string | undefined {
    if (this.balanceOf(from) < amount) return 'there is not so much in the account'
    this.mint(from, -amount)
    this.mint(to, amount)
    return undefined
  }

  #open(
    id: string,
    from: string,
    terms: { readonly to: string; readonly amount: bigint; readonly challengeMs: number },
  ): string | undefined {
    if (this.balanceOf(from) < terms.amount) return 'there is not so much in the account'
    this.mint(from, -terms.amount)
    this.channels.set(id, {
      id,
      payer: from,
      payee: terms.to,
      deposit: terms.amount,
      redeemed: 0n,
      redemptions: [],
      challengeMs: terms.challengeMs,
      closesAtMs: undefined,
      closedHeight: undefined,
    })
    return undefined
  }

  #deposit(from: string, channel: StubChannelState, amount: bigint): string | undefined {
    if (from !== channel.payer || channel.closesAtMs !== undefined)
      return 'the channel is closing or of others'
    if (this.balanceOf(from) < amount) return 'there is not so much in the account'
    this.mint(from, -amount)
    this.channels.set(channel.id, { ...channel, deposit: channel.deposit + amount })
    return undefined
  }

  #beginClosing(channel: StubChannelState): string | undefined {
    if (channel.closesAtMs !== undefined) return 'it is closing'
    this.channels.set(channel.id, { ...channel, closesAtMs: this.timeMs + channel.challengeMs })
    return undefined
  }

  #redeem(channel: StubChannelState, upTo: bigint, isLast: boolean): string | undefined {
    if (upTo > channel.deposit) return 'there is not so much in the channel'
    if (upTo < channel.redeemed || (upTo === channel.redeemed && !isLast)) return 'so much was taken before'
    this.mint(channel.payee, upTo - channel.redeemed)
    if (isLast) this.mint(channel.payer, channel.deposit - upTo)
    this.channels.set(channel.id, {
      ...channel,
      redeemed: upTo,
      redemptions: [...channel.redemptions, { height: this.height, upTo }],
      closedHeight: isLast ? this.height : undefined,
    })
    return undefined
  }

  #withdraw(from: string, channel: StubChannelState): string | undefined {
    if (from !== channel.payer) return 'the channel is of others'
    if (channel.closesAtMs === undefined || channel.closesAtMs > this.timeMs)
      return 'its payee still has time'
    this.mint(channel.payer, channel.deposit - channel.redeemed)
    this.channels.set(channel.id, { ...channel, closedHeight: this.height })
    return undefined
  }
}
