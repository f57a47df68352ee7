import { randomBytes } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import { AppError } from '../kernel/index.ts'
import type { Bus, BusSubscription } from '../platform/bus/index.ts'
import type { Tables } from '../platform/database/index.ts'
import type { Logger } from '../platform/index.ts'
import { type AccountName, nameOf } from './checked.ts'
import type { AccountChange, AccountId } from './ledger.ts'
import { decodeNews, encodeNews, NEWS_CHANNEL } from './news.ts'
import { listOf } from './read-books.ts'
import type { ChangedAccounts } from './run-group.ts'

/** Those who follow accounts in one process. */
const MAX_LISTENERS = 10_000
/** What no message told of (posted in a caller's transaction, or lost with the bus) is found so late. */
const LOOK_EVERY_MS = 2_000
/** Accounts looked at with one query, and changes of one account that it reads; the rest follows. */
const ACCOUNTS_AT_ONCE = 200
const CHANGES_AT_ONCE = 100
/** Changes remembered for accounts that are just beginning to be followed. */
const MAX_REMEMBERED = 100_000

export interface ChangesDeps {
  readonly db: Kysely<Tables>
  readonly bus: Bus
  readonly logger: Logger
}

type Listener = (change: AccountChange) => void

interface Followed {
  readonly account: AccountId
  readonly listeners: Set<{ readonly tell: Listener }>
  /** Undefined until a look has found the account, which may not be there yet. */
  id: bigint | undefined
  /** The last transfer that was told of; undefined until the first look. */
  seen: bigint | undefined
}

/**
 * Tells listeners of each change of an account. A message of the bus only says that there is something new: what it is, is
 * read from the entries behind the last one told of. So nothing is told twice, out of order, or not at all.
 */
export class Changes {
  readonly #deps: ChangesDeps
  /** In each message, so that a process knows its own. */
  readonly #sender = randomBytes(16)
  readonly #followed = new Map<AccountName, Followed>()
  /** Of them those that were found, by the number of the account. */
  readonly #found = new Map<bigint, Followed>()
  /** Of them those that were not looked at yet. */
  readonly #beginning = new Set<Followed>()
  /** What was heard of while there are such: of each account the first transfer. */
  readonly #recent = new Map<bigint, bigint>()
  #listeners = 0
  readonly #toLookAt = new Set<Followed>()
  #looking: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #fromBus: BusSubscription | undefined
  #stopHearing: (() => void) | undefined
  #isStopped = false

  constructor(deps: ChangesDeps) {
    this.#deps = deps
  }

  get count(): number {
    return this.#listeners
  }

  /** @throws AppError LEDGER_SUBSCRIPTIONS_FULL */
  subscribe(account: AccountId, onChange: Listener): () => void {
    if (this.#listeners >= MAX_LISTENERS) {
      throw new AppError(
        'LEDGER_SUBSCRIPTIONS_FULL',
        `${MAX_LISTENERS} accounts are followed already in this process.`,
      )
    }
    const followed = this.#follow(account)
    const listener = { tell: onChange }
    followed.listeners.add(listener)
    this.#listeners++
    this.#hear()
    return () => {
      if (!followed.listeners.delete(listener)) return
      this.#listeners--
      if (followed.listeners.size === 0) this.#letGo(followed)
      if (this.#listeners === 0) this.#deafen()
    }
  }

  /** What this process has committed: to its own listeners, and to the others. */
  tell(changed: ChangedAccounts): void {
    if (changed.size === 0) return
    this.#heard(changed)
    this.#deps.bus.publish(NEWS_CHANNEL, encodeNews(this.#sender, changed))
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#deafen()
    await this.#looking
  }

  #follow(account: AccountId): Followed {
    const name = nameOf(account)
    const known = this.#followed.get(name)
    if (known !== undefined) return known
    const { path, asset } = account
    const followed: Followed = {
      account: { path, asset },
      listeners: new Set(),
      id: undefined,
      seen: undefined,
    }
    this.#followed.set(name, followed)
    this.#beginning.add(followed)
    this.#lookAt([followed])
    return followed
  }

  #letGo(followed: Followed): void {
    this.#followed.delete(nameOf(followed.account))
    this.#hasBegun(followed)
    this.#toLookAt.delete(followed)
    if (followed.id !== undefined) this.#found.delete(followed.id)
  }

  #hasBegun(followed: Followed): void {
    this.#beginning.delete(followed)
    if (this.#beginning.size === 0) this.#recent.clear()
  }

  #hear(): void {
    if (this.#fromBus !== undefined || this.#isStopped) return
    const { bus } = this.#deps
    this.#fromBus = bus.subscribe(NEWS_CHANNEL, (payload) => {
      const news = decodeNews(payload)
      if (news !== undefined && !news.sender.equals(this.#sender)) this.#heard(news.changed)
    })
    this.#stopHearing = bus.onRecovered(() => this.#lookAt(this.#followed.values()))
    this.#timer = setInterval(() => this.#lookAt(this.#followed.values()), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  #deafen(): void {
    clearInterval(this.#timer)
    this.#fromBus?.stop()
    this.#stopHearing?.()
    this.#fromBus = undefined
    this.#recent.clear()
  }

  /** One that was not found yet is left to the timer: this is called for each group of packets. */
  #heard(changed: ChangedAccounts): void {
    if (this.#followed.size === 0) return
    // What comes before the first look at an account is over must not be taken for old by it.
    if (this.#beginning.size > 0) this.#remember(changed)
    this.#lookAt([...changed.keys()].flatMap((id) => this.#found.get(id) ?? []))
  }

  /** Messages of several processes come in any order. */
  #remember(changed: ChangedAccounts): void {
    if (this.#recent.size >= MAX_REMEMBERED) this.#recent.clear()
    for (const [id, transferId] of changed) {
      const known = this.#recent.get(id)
      if (known === undefined || transferId < known) this.#recent.set(id, transferId)
    }
  }

  #lookAt(followed: Iterable<Followed>): void {
    for (const one of followed) this.#toLookAt.add(one)
    if (this.#toLookAt.size === 0 || this.#isStopped) return
    this.#looking ??= this.#look()
  }

  async #look(): Promise<void> {
    // What else is to be looked at in this turn goes along.
    await Promise.resolve()
    try {
      while (this.#toLookAt.size > 0 && !this.#isStopped) {
        const batch = this.#takeBatch()
        await this.#find(batch.filter(({ id }) => id === undefined))
        // Also what was found just now: of that a message may have come when nobody knew what it was about.
        await this.#read(batch.filter(({ id }) => id !== undefined))
      }
    } catch (err) {
      // Nothing is lost: the next look begins behind what was told last.
      this.#deps.logger.warn({ err }, 'ledger.changes_unread')
    } finally {
      this.#looking = undefined
    }
  }

  #takeBatch(): readonly Followed[] {
    const batch: Followed[] = []
    for (const followed of this.#toLookAt) {
      if (batch.length === ACCOUNTS_AT_ONCE) break
      batch.push(followed)
      this.#toLookAt.delete(followed)
    }
    return batch
  }

  /** Finds out which accounts these are, and from which transfer on they are followed. */
  async #find(unknown: readonly Followed[]): Promise<void> {
    if (unknown.length === 0) return
    const paths = unknown.map(({ account }) => account.path)
    const assets = unknown.map(({ account }) => account.asset)
    const { rows } = await sql<{ place: bigint; id: bigint; newest: bigint }>`
      SELECT w.place, a.id, coalesce((SELECT max(transfer_id) FROM ledger_entries WHERE account_id = a.id), 0) AS newest
      FROM unnest(${paths}::text[], ${assets}::text[]) WITH ORDINALITY AS w (path, asset, place)
      JOIN ledger_accounts a ON a.path = w.path AND a.asset = w.asset`.execute(this.#deps.db)
    for (const { place, id, newest } of rows) {
      const followed = unknown[Number(place) - 1]!
      const recent = this.#recent.get(id)
      followed.id = id
      followed.seen ??= recent === undefined || recent > newest ? newest : recent - 1n
      // It may have been let go meanwhile, or let go and followed again.
      if (followed.listeners.size > 0) this.#found.set(id, followed)
    }
    for (const followed of unknown) {
      followed.seen ??= 0n
      this.#hasBegun(followed)
    }
  }

  async #read(known: readonly Followed[]): Promise<void> {
    if (known.length === 0) return
    const ids = known.map(({ id }) => id ?? 0n)
    const seen = known.map((followed) => followed.seen ?? 0n)
    const { rows } = await sql<{ place: bigint; transfer_id: bigint; balance_after: string; held: string }>`
      SELECT w.place, e.transfer_id, e.balance_after, a.held
      FROM unnest(${listOf(ids)}::bigint[], ${listOf(seen)}::bigint[]) WITH ORDINALITY AS w (id, seen, place)
      JOIN ledger_accounts a ON a.id = w.id
      CROSS JOIN LATERAL (
        SELECT DISTINCT ON (transfer_id) transfer_id, balance_after FROM ledger_entries
        WHERE account_id = w.id AND transfer_id > w.seen
        ORDER BY transfer_id, ledger_entries.place DESC LIMIT ${CHANGES_AT_ONCE}
      ) e ORDER BY w.place, e.transfer_id`.execute(this.#deps.db)
    const counts = new Map<Followed, number>()
    for (const { place, transfer_id, balance_after, held } of rows) {
      const followed = known[Number(place) - 1]!
      counts.set(followed, (counts.get(followed) ?? 0) + 1)
      followed.seen = transfer_id
      const { path, asset } = followed.account
      const change = {
        path,
        asset,
        balance: BigInt(balance_after),
        held: BigInt(held),
        transferId: transfer_id,
      }
      for (const listener of followed.listeners) this.#tellOne(listener, change)
    }
    for (const [followed, count] of counts) {
      if (count === CHANGES_AT_ONCE) this.#toLookAt.add(followed)
    }
  }

  #tellOne({ tell }: { readonly tell: Listener }, change: AccountChange): void {
    try {
      tell(change)
    } catch (err) {
      // Its own fault; the other listeners are to hear of it all the same.
      this.#deps.logger.error({ err, path: change.path }, 'ledger.listener_failed')
    }
  }
}
