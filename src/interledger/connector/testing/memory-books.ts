import { AppError, type Asset, type ErrorCode } from '../../../kernel/index.ts'
import type { AccountId } from '../../../ledger/index.ts'
import { bookingsOf } from '../../books/bookings.ts'
import type { PacketBooks, PacketId, PacketIntent, PacketParty } from '../../books.ts'

/** The books of one node without a database: the bookings are the real ones, durability is the test's to give. */
export class MemoryBooks implements PacketBooks {
  readonly #assetOf: (peerId: string) => Asset
  readonly #balances = new Map<string, bigint>()
  readonly #fulfilled = new Map<PacketId, { readonly intent: PacketIntent; readonly fulfillment: Buffer }>()
  /** Packets that left and are not answered. */
  readonly open = new Map<PacketId, PacketIntent>()
  /** Everything that was written down, in order. */
  readonly log: string[] = []
  /** What the next calls fail with. */
  failIntend: ErrorCode | undefined
  failFulfil: ErrorCode | undefined
  /** Awaited before anything is durable. */
  durable: () => Promise<void> = () => Promise.resolve()

  constructor(assetOf: (peerId: string) => Asset) {
    this.#assetOf = assetOf
  }

  async intend(intent: PacketIntent): Promise<void> {
    await this.durable()
    if (this.failIntend !== undefined) throw new AppError(this.failIntend, 'the test wants it so')
    this.open.set(intent.id, intent)
    this.log.push('intend')
  }

  async fulfil(intent: PacketIntent, fulfillment: Buffer): Promise<void> {
    await this.durable()
    if (this.failFulfil !== undefined) throw new AppError(this.failFulfil, 'the test wants it so')
    this.open.delete(intent.id)
    if (this.#fulfilled.has(intent.id)) return
    this.#fulfilled.set(intent.id, { intent, fulfillment })
    this.log.push('fulfil')
    const [from, to] = [this.#accountOf(intent.from), this.#accountOf(intent.to)]
    for (const { debit, credit, amount } of bookingsOf({ ...intent, from, to }))
      this.#post(debit, credit, amount)
  }

  reject(id: PacketId): void {
    this.open.delete(id)
    this.log.push('reject')
  }

  /** The fulfilment of a packet that this peer sent us. */
  fulfillmentFor(peerId: string, incomingId: PacketId): Buffer | undefined {
    return this.#findIncoming(peerId, incomingId)?.fulfillment
  }

  /** The peer refused a Fulfill of ours; returns what it does not owe us then. */
  writeOff(peerId: string, incomingId: PacketId): bigint {
    const { intent } = this.#findIncoming(peerId, incomingId)!
    const { incomingAmount: amount } = intent
    const debtor = this.#accountOf(intent.from)
    this.#post({ path: `expenses/routing-loss/${peerId}`, asset: debtor.asset }, debtor, amount)
    return amount
  }

  /** Debits less credits. */
  balance({ path, asset }: AccountId): bigint {
    return this.#balances.get(`${asset}/${path}`) ?? 0n
  }

  peerBalance(peerId: string): bigint {
    return this.balance(this.#accountOf({ kind: 'peer', peerId }))
  }

  /** Debits less credits of everything, for each asset: 0 in sound books. */
  sums(): Record<string, bigint> {
    const sums: Record<string, bigint> = {}
    for (const [key, balance] of this.#balances) {
      const [asset = ''] = key.split('/', 1)
      sums[asset] = (sums[asset] ?? 0n) + balance
    }
    return sums
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #findIncoming(peerId: string, incomingId: PacketId) {
    return [...this.#fulfilled.values()].find(
      ({ intent: { from, incomingId: id } }) =>
        from.kind === 'peer' && from.peerId === peerId && id === incomingId,
    )
  }

  #accountOf(party: PacketParty): AccountId {
    if (party.kind === 'account') return party.account
    return { path: `assets/peer/${party.peerId}`, asset: this.#assetOf(party.peerId) }
  }

  #post(debit: AccountId, credit: AccountId, amount: bigint): void {
    const sides = [
      [debit, amount],
      [credit, -amount],
    ] as const
    for (const [{ path, asset }, change] of sides)
      this.#balances.set(`${asset}/${path}`, this.balance({ path, asset }) + change)
  }
}
