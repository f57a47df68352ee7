/** What the ledger means, written as plainly as it can be: every figure is computed anew from all that was posted. */
import { ACCOUNT_CLASSES, type AccountClass, type AccountId, type Entry, type Transfer } from '../ledger.ts'

interface Hold {
  readonly account: AccountId
  readonly amount: bigint
  readonly expiresAtSeconds: number
  state: 'open' | 'committed' | 'voided' | 'expired'
  transferKey?: string
}

export type ModelAnswer =
  | 'new'
  | 'known'
  | 'short'
  | 'reused'
  | 'invalid'
  | 'not found'
  | 'not open'
  | 'voided'

export class LedgerModel {
  readonly transfers = new Map<string, Transfer>()
  readonly holds = new Map<string, Hold>()
  nowSeconds: number

  constructor(nowSeconds: number) {
    this.nowSeconds = nowSeconds
  }

  post(transfer: Transfer): ModelAnswer {
    const known = this.transfers.get(transfer.key)
    if (known !== undefined) return same(known, transfer) ? 'known' : 'reused'
    this.transfers.set(transfer.key, transfer)
    if (transfer.entries.every((entry) => !this.#isPoorerAndShort(entry, transfer))) return 'new'
    this.transfers.delete(transfer.key)
    return 'short'
  }

  reserve(key: string, account: AccountId, amount: bigint, expiresAtSeconds: number): ModelAnswer {
    this.#expire()
    const known = this.holds.get(key)
    const wanted: Hold = { account, amount, expiresAtSeconds, state: 'open' }
    if (known !== undefined) {
      const { state, transferKey: _, ...content } = known
      const { state: __, ...asked } = wanted
      if (!same(content, asked)) return 'reused'
      return state === 'open' ? 'known' : 'not open'
    }
    if (expiresAtSeconds <= this.nowSeconds) return 'invalid'
    this.holds.set(key, wanted)
    if (this.#isSound(account)) return 'new'
    this.holds.delete(key)
    return 'short'
  }

  commit(key: string, transfer: Transfer): ModelAnswer {
    this.#expire()
    const hold = this.holds.get(key)
    if (hold === undefined) return 'not found'
    if (hold.state === 'committed' && hold.transferKey === transfer.key) return this.post(transfer)
    if (hold.state !== 'open') return 'not open'
    hold.state = 'committed'
    const answer = this.post(transfer)
    if (answer === 'new' || answer === 'known') hold.transferKey = transfer.key
    else hold.state = 'open'
    return answer
  }

  void(key: string): ModelAnswer {
    this.#expire()
    const hold = this.holds.get(key)
    if (hold === undefined) return 'not found'
    if (hold.state === 'committed') return 'not open'
    if (hold.state === 'open') hold.state = 'voided'
    return 'voided'
  }

  balance(account: AccountId): bigint {
    return [...this.transfers.values()]
      .flatMap(({ entries }) => entries)
      .filter((entry) => same([entry.path, entry.asset], [account.path, account.asset]))
      .reduce((sum, entry) => sum + changeBy(entry), 0n)
  }

  /** What is held now. */
  held(account: AccountId): bigint {
    return [...this.holds.values()]
      .filter((hold) => hold.state === 'open' && hold.expiresAtSeconds > this.nowSeconds)
      .filter((hold) => same(hold.account, account))
      .reduce((sum, { amount }) => sum + amount, 0n)
  }

  #expire(): void {
    for (const hold of this.holds.values()) {
      if (hold.state === 'open' && hold.expiresAtSeconds <= this.nowSeconds) hold.state = 'expired'
    }
  }

  #isPoorerAndShort({ path, asset }: Entry, { entries }: Transfer): boolean {
    const change = entries
      .filter((entry) => entry.path === path && entry.asset === asset)
      .reduce((sum, entry) => sum + changeBy(entry), 0n)
    return change < 0n && !this.#isSound({ path, asset })
  }

  #isSound(account: AccountId): boolean {
    return !account.path.startsWith('liabilities/') || this.balance(account) >= this.held(account)
  }
}

function changeBy({ path, side, amount }: Entry): bigint {
  // Model and callers only know paths that begin with a class.
  const normal = ACCOUNT_CLASSES[path.split('/')[0] as AccountClass]
  return side === normal ? amount : -amount
}

function same(a: unknown, b: unknown): boolean {
  const text = (value: unknown) =>
    JSON.stringify(value, (_key, one) => (typeof one === 'bigint' ? `${one}n` : one))
  return text(a) === text(b)
}
