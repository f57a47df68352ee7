import { AppError, accepted, type Clock, systemClock } from '../../../kernel/index.ts'
import {
  type Bus,
  type BusChange,
  type BusListener,
  type BusOutcome,
  type BusStatus,
  type BusSubscription,
  MAX_CHANGES,
  type SetPage,
  type TokenAnswer,
  type TokenRate,
} from '../bus.ts'
import { closedRefusal, failedRefusal } from '../refusals.ts'
import { NO_SUBSCRIPTION, Subscriptions } from '../subscriptions.ts'
import { LocalBuckets, UNLIMITED } from '../token-bucket.ts'
import { Keyspace } from './keyspace.ts'

/** The bus of a process that is alone: everything is in its memory, and ends with it. */
export function createMemoryBus(clock: Clock = systemClock): Bus {
  return new MemoryBus(clock)
}

class MemoryBus implements Bus {
  readonly #clock: Clock
  readonly #keys: Keyspace
  readonly #subscriptions = new Subscriptions()
  readonly #buckets = new LocalBuckets()
  #isClosed = false
  #published = 0
  #received = 0
  #dropped = 0
  #refused = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#keys = new Keyspace(clock)
  }

  publish(channel: string, payload: Uint8Array): void {
    if (this.#isClosed) {
      this.#dropped++
      return
    }
    this.#published++
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
    // Never from inside `publish`: a listener may publish too, and over Redis it would hear of it later as well.
    queueMicrotask(() => {
      if (this.#subscriptions.deliver(channel, bytes) > 0) this.#received++
    })
  }

  subscribe(channel: string, listener: BusListener): BusSubscription {
    if (this.#isClosed) return NO_SUBSCRIPTION
    const subscription = this.#subscriptions.add(channel, listener, { onFirst: () => {}, onLast: () => {} })
    this.#subscriptions.markReady(channel)
    return subscription
  }

  get(key: string): Promise<BusOutcome<string | undefined>> {
    return this.#answer(() => this.#keys.text(key))
  }

  set(key: string, value: string, { ttlMs }: { readonly ttlMs?: number } = {}): Promise<BusOutcome<void>> {
    return this.#answer(() => this.#keys.put(key, value, ttlMs))
  }

  setIfAbsent(
    key: string,
    value: string,
    { ttlMs }: { readonly ttlMs: number },
  ): Promise<BusOutcome<boolean>> {
    return this.#answer(() => {
      if (this.#keys.has(key)) return false
      this.#keys.put(key, value, ttlMs)
      return true
    })
  }

  delete(key: string): Promise<BusOutcome<void>> {
    return this.#answer(() => this.#keys.delete(key))
  }

  renew(key: string, ttlMs: number): Promise<BusOutcome<boolean>> {
    return this.#answer(() => this.#keys.renew(key, ttlMs))
  }

  increment(key: string, by: number): Promise<BusOutcome<number>> {
    return this.#answer(() => this.#keys.increment(key, by))
  }

  takeToken(key: string, rate: TokenRate, tokens = 1): Promise<TokenAnswer> {
    if (rate.perSecond === 0) return Promise.resolve(UNLIMITED)
    const answer = this.#buckets.take(key, rate, { tokens, nowMs: this.#clock.nowMs() })
    return Promise.resolve({ ...answer, from: 'shared' })
  }

  apply(changes: readonly BusChange[]): Promise<BusOutcome<void>> {
    if (changes.length > MAX_CHANGES) {
      throw new AppError('INTERNAL', `at most ${MAX_CHANGES} changes at once, not ${changes.length}`)
    }
    return this.#answer(() => {
      for (const change of changes) this.#make(change)
    })
  }

  setSize(key: string): Promise<BusOutcome<number>> {
    return this.#answer(() => this.#keys.set(key)?.size ?? 0)
  }

  setMembers(key: string): Promise<BusOutcome<readonly string[]>> {
    return this.#answer(() => [...(this.#keys.set(key) ?? [])])
  }

  knownMembers(key: string, members: readonly string[]): Promise<BusOutcome<readonly boolean[]>> {
    return this.#answer(() => {
      const set = this.#keys.set(key)
      return members.map((member) => set?.has(member) === true)
    })
  }

  setPage(key: string, cursor: string | undefined, countHint: number): Promise<BusOutcome<SetPage>> {
    return this.#answer(() => {
      // In order, so that the last member of a page says where the next one begins, whatever came and went.
      const rest = [...(this.#keys.set(key) ?? [])]
        .filter((member) => cursor === undefined || member > cursor)
        .toSorted(byCodeUnits)
      const members = rest.slice(0, countHint)
      return { members, next: rest.length > countHint ? members.at(-1) : undefined }
    })
  }

  hashValues(key: string, fields: readonly string[]): Promise<BusOutcome<readonly (string | undefined)[]>> {
    return this.#answer(() => {
      const hash = this.#keys.hash(key)
      return fields.map((field) => hash?.get(field))
    })
  }

  hashAll(key: string): Promise<BusOutcome<ReadonlyMap<string, string>>> {
    return this.#answer(() => new Map(this.#keys.hash(key)))
  }

  status(): BusStatus {
    return {
      kind: 'memory',
      state: this.#isClosed ? 'closed' : 'ok',
      lastError: undefined,
      counters: {
        published: this.#published,
        received: this.#received,
        dropped: this.#dropped,
        held: 0,
        subscriptions: this.#subscriptions.size,
        refused: this.#refused,
        localTokens: 0,
        recoveries: 0,
      },
    }
  }

  /** Memory is never away. */
  onRecovered(): () => void {
    return () => {}
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#keys.clear()
  }

  async #answer<T>(operation: () => T): Promise<BusOutcome<T>> {
    if (this.#isClosed) {
      this.#refused++
      return closedRefusal
    }
    try {
      return accepted(operation())
    } catch (error) {
      // A key of another type, as Redis refuses it; anything else is a bug.
      if (!(error instanceof TypeError)) throw error
      this.#refused++
      return failedRefusal(error.message)
    }
  }

  #make(change: BusChange): void {
    switch (change.do) {
      case 'set':
        this.#keys.put(change.key, change.value, change.ttlMs)
        return
      case 'delete':
        this.#keys.delete(change.key)
        return
      case 'renew':
        this.#keys.renew(change.key, change.ttlMs)
        return
      case 'addMembers':
        this.#keys.addMembers(change.key, change.members)
        return
      case 'removeMembers':
        this.#keys.removeMembers(change.key, change.members)
        return
      case 'setFields':
        this.#keys.setFields(change.key, change.fields)
        return
      case 'removeFields':
        this.#keys.removeFields(change.key, change.fields)
    }
  }
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
