/** Which accounts a fulfilled packet moves, and what is left of many packets when they are netted. Pure. */
import { AppError, type Asset } from '../../kernel/index.ts'
import type { AccountId, Transfer } from '../../ledger/index.ts'

/** Both accounts are of one asset. */
export interface Booking {
  readonly debit: AccountId
  readonly credit: AccountId
  /** Not negative. */
  readonly amount: bigint
}

export interface PacketAmounts {
  readonly from: AccountId
  readonly to: AccountId
  readonly incomingAmount: bigint
  readonly outgoingAmount: bigint
  readonly marginAmount?: bigint
}

const REVENUE = 'revenue/routing'

/**
 * `from` owes us what came in, we owe `to` what went out. In one asset the difference is earned; between two, each asset
 * has a side of `equity/fx/<from>-<to>`, and the margin is earned.
 *
 * @throws AppError INTERNAL when more went out than came in, of one asset.
 */
export function bookingsOf({ from, to, ...amounts }: PacketAmounts): readonly Booking[] {
  const { incomingAmount, outgoingAmount } = amounts
  const revenue = { path: REVENUE, asset: from.asset }
  if (from.asset === to.asset) {
    const earned = incomingAmount - outgoingAmount
    if (earned < 0n) throw unsound(incomingAmount, outgoingAmount)
    return [
      { debit: from, credit: to, amount: outgoingAmount },
      { debit: from, credit: revenue, amount: earned },
    ]
  }
  const earned = amounts.marginAmount ?? 0n
  if (earned < 0n || earned > incomingAmount) throw unsound(incomingAmount, outgoingAmount)
  const path = `equity/fx/${from.asset}-${to.asset}`
  return [
    { debit: from, credit: { path, asset: from.asset }, amount: incomingAmount - earned },
    { debit: from, credit: revenue, amount: earned },
    { debit: { path, asset: to.asset }, credit: to, amount: outgoingAmount },
  ]
}

function unsound(incomingAmount: bigint, outgoingAmount: bigint): AppError {
  return new AppError('INTERNAL', 'a packet of one asset may not become larger, nor its margin than itself', {
    facts: { incomingAmount, outgoingAmount },
  })
}

/** More accounts than any group has packets. */
const PLACES = 2 ** 24

/** Sums bookings for each pair of accounts, whichever of the two was debited. */
export class Netting {
  readonly #accounts: AccountId[] = []
  /** By asset and path: a text of both would be made for each account of each packet. */
  readonly #indexes = new Map<Asset, Map<string, number>>()
  /** By both indexes, the smaller one first: what the first is debited and the second credited; negative: the other way. */
  readonly #sums = new Map<number, bigint>()

  add({ debit, credit, amount }: Booking): void {
    if (amount === 0n) return
    const from = this.#indexOf(debit)
    const to = this.#indexOf(credit)
    if (from === to) return
    const pair = from < to ? from * PLACES + to : to * PLACES + from
    const sum = this.#sums.get(pair) ?? 0n
    this.#sums.set(pair, from < to ? sum + amount : sum - amount)
  }

  /** What is left, without pairs that come to nothing. */
  bookings(): readonly Booking[] {
    return [...this.#sums].flatMap(([pair, sum]) => {
      if (sum === 0n) return []
      const first = this.#accounts[Math.floor(pair / PLACES)]!
      const second = this.#accounts[pair % PLACES]!
      return sum > 0n
        ? [{ debit: first, credit: second, amount: sum }]
        : [{ debit: second, credit: first, amount: -sum }]
    })
  }

  #indexOf(account: AccountId): number {
    const { asset, path } = account
    let ofAsset = this.#indexes.get(asset)
    const known = ofAsset?.get(path)
    if (known !== undefined) return known
    ofAsset ??= new Map()
    this.#indexes.set(asset, ofAsset.set(path, this.#accounts.length))
    return this.#accounts.push(account) - 1
  }
}

/** @param key of this transfer alone. */
export function transferOf({ debit, credit, amount }: Booking, key: string): Transfer {
  return {
    key,
    memo: 'Interledger packets',
    entries: [
      { ...debit, side: 'debit', amount },
      { ...credit, side: 'credit', amount },
    ],
  }
}
