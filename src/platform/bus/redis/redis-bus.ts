import type { ChainableCommander, Redis } from 'ioredis'
import { AppError, accepted } from '../../../kernel/index.ts'
import {
  type Bus,
  type BusChange,
  type BusListener,
  type BusMemory,
  type BusOutcome,
  type BusStatus,
  type BusSubscription,
  MAX_CHANGES,
  type SetPage,
  type TokenAnswer,
  type TokenRate,
} from '../bus.ts'
import { busyRefusal, closedRefusal, downRefusal, failedRefusal } from '../refusals.ts'
import { NO_SUBSCRIPTION } from '../subscriptions.ts'
import { LocalBuckets, retryAfterMs, UNLIMITED } from '../token-bucket.ts'
import { RedisChannels } from './channels.ts'
import { describeError, MAX_RETRY_MS, RedisLink } from './link.ts'
import { Publisher } from './publisher.ts'

/** Operations that may wait for their answer; one more is refused. */
const MAX_UNDER_WAY = 10_000
/** Members or fields in one command; a change with more becomes several. */
const MAX_ARGUMENTS = 5_000
/** After an outage messages are held so much longer, until the other processes have come back and listen too. */
const SETTLE_MS = MAX_RETRY_MS + 250

export interface RedisBusOptions {
  /** `redis://` or `rediss://`, may hold a password. */
  readonly url: string
  /** Stands before every key and channel. */
  readonly prefix: string
  /** Shown in Redis's list of clients. */
  readonly name: string
}

/** The bus over a Redis (7 or newer) that several processes share. It begins to connect when it is made. */
export class RedisBus implements Bus {
  readonly #prefix: string
  readonly #commands: RedisLink
  readonly #listening: RedisLink
  readonly #channels: RedisChannels
  readonly #publisher: Publisher
  readonly #buckets = new LocalBuckets()
  readonly #recoveryListeners = new Set<() => void>()
  readonly #firstReady = Promise.withResolvers<void>()
  #state: 'starting' | 'ok' | 'degraded' | 'settling' | 'closed' = 'starting'
  #settled: NodeJS.Timeout | undefined
  #isListening = false
  #underWay = 0
  #refused = 0
  #localTokens = 0
  #recoveries = 0
  #lastError: string | undefined

  constructor({ url, prefix, name }: RedisBusOptions) {
    const onError = (text: string) => {
      this.#lastError = text
    }
    this.#prefix = prefix
    this.#commands = new RedisLink({
      url,
      name,
      onReady: () => this.#onLinkReady(),
      onLost: () => this.#onLinkLost(),
      onError,
    })
    this.#listening = new RedisLink({
      url,
      name: `${name}:listening`,
      onReady: () => void this.#listenAgain(),
      onLost: () => {
        this.#isListening = false
        this.#onLinkLost()
      },
      onError,
    })
    this.#channels = new RedisChannels(this.#listening, prefix)
    this.#publisher = new Publisher({
      client: this.#commands.client,
      isUsable: () => this.#state === 'ok' && this.#commands.isReady,
      channelName: (channel) => prefix + channel,
    })
    this.#commands.open()
    this.#listening.open()
  }

  /** Resolves when the bus has worked for the first time. */
  get firstReady(): Promise<void> {
    return this.#firstReady.promise
  }

  publish(channel: string, payload: Uint8Array): void {
    if (this.#state === 'closed') this.#publisher.dropped++
    else this.#publisher.publish(channel, payload)
  }

  subscribe(channel: string, listener: BusListener): BusSubscription {
    return this.#state === 'closed' ? NO_SUBSCRIPTION : this.#channels.subscribe(channel, listener)
  }

  get(key: string): Promise<BusOutcome<string | undefined>> {
    return this.#ask(async (redis) => (await redis.get(this.#key(key))) ?? undefined)
  }

  set(key: string, value: string, { ttlMs }: { readonly ttlMs?: number } = {}): Promise<BusOutcome<void>> {
    return this.apply([{ do: 'set', key, value, ...(ttlMs === undefined ? {} : { ttlMs }) }])
  }

  setIfAbsent(
    key: string,
    value: string,
    { ttlMs }: { readonly ttlMs: number },
  ): Promise<BusOutcome<boolean>> {
    return this.#ask(
      async (redis) => (await redis.set(this.#key(key), value, 'PX', wholeMs(ttlMs), 'NX')) === 'OK',
    )
  }

  delete(key: string): Promise<BusOutcome<void>> {
    return this.apply([{ do: 'delete', key }])
  }

  renew(key: string, ttlMs: number): Promise<BusOutcome<boolean>> {
    return this.#ask(async (redis) => (await redis.pexpire(this.#key(key), wholeMs(ttlMs))) === 1)
  }

  increment(key: string, by: number): Promise<BusOutcome<number>> {
    return this.#ask((redis) => redis.incrby(this.#key(key), by))
  }

  async takeToken(key: string, rate: TokenRate, tokens = 1): Promise<TokenAnswer> {
    if (rate.perSecond === 0) return UNLIMITED
    const shared = await this.#ask((redis) =>
      redis.stoaTakeToken(this.#key(key), rate.perSecond, rate.burst, tokens),
    )
    if (shared.ok) {
      const [isAllowed, missing] = shared.value
      const waitMs = isAllowed === 1 ? 0 : retryAfterMs(rate, tokens, Number(missing))
      return { isAllowed: isAllowed === 1, retryAfterMs: waitMs, from: 'shared' }
    }
    this.#localTokens += tokens
    return { ...this.#buckets.take(key, rate, { tokens, nowMs: performance.now() }), from: 'local' }
  }

  apply(changes: readonly BusChange[]): Promise<BusOutcome<void>> {
    if (changes.length > MAX_CHANGES) {
      throw new AppError('INTERNAL', `at most ${MAX_CHANGES} changes at once, not ${changes.length}`)
    }
    return this.#ask(async (redis) => {
      const transaction = redis.multi()
      for (const change of changes) this.#add(transaction, change)
      const results = (await transaction.exec()) ?? []
      const failure = results.find(([error]) => error !== null)?.[0]
      if (failure) throw failure
    })
  }

  setSize(key: string): Promise<BusOutcome<number>> {
    return this.#ask((redis) => redis.scard(this.#key(key)))
  }

  setMembers(key: string): Promise<BusOutcome<readonly string[]>> {
    return this.#ask((redis) => redis.smembers(this.#key(key)))
  }

  knownMembers(key: string, members: readonly string[]): Promise<BusOutcome<readonly boolean[]>> {
    if (members.length === 0) return Promise.resolve(accepted([]))
    return this.#ask(async (redis) => {
      const answers = await redis.smismember(this.#key(key), ...members)
      return answers.map((answer) => answer === 1)
    })
  }

  setPage(key: string, cursor: string | undefined, countHint: number): Promise<BusOutcome<SetPage>> {
    return this.#ask(async (redis) => {
      const [next, members] = await redis.sscan(this.#key(key), cursor ?? '0', 'COUNT', countHint)
      return { members: [...new Set(members)], next: next === '0' ? undefined : next }
    })
  }

  hashValues(key: string, fields: readonly string[]): Promise<BusOutcome<readonly (string | undefined)[]>> {
    if (fields.length === 0) return Promise.resolve(accepted([]))
    return this.#ask(async (redis) => {
      const values = await redis.hmget(this.#key(key), ...fields)
      return values.map((value) => value ?? undefined)
    })
  }

  hashAll(key: string): Promise<BusOutcome<ReadonlyMap<string, string>>> {
    return this.#ask(async (redis) => new Map(Object.entries(await redis.hgetall(this.#key(key)))))
  }

  status(): BusStatus {
    const isAway = this.#state === 'starting' || !this.#commands.isReady || !this.#isListening
    return {
      kind: 'redis',
      state: this.#state === 'closed' ? 'closed' : isAway ? 'degraded' : 'ok',
      lastError: this.#lastError,
      counters: {
        published: this.#publisher.published,
        received: this.#channels.received,
        dropped: this.#publisher.dropped,
        held: this.#publisher.held,
        subscriptions: this.#channels.size,
        refused: this.#refused,
        localTokens: this.#localTokens,
        recoveries: this.#recoveries,
      },
    }
  }

  memory(): Promise<BusOutcome<BusMemory>> {
    return this.#ask(async (redis) => {
      const text = await redis.info('memory')
      return { usedBytes: numberIn(text, 'used_memory'), maxBytes: numberIn(text, 'maxmemory') }
    })
  }

  onRecovered(listener: () => void): () => void {
    const own = () => listener()
    this.#recoveryListeners.add(own)
    return () => this.#recoveryListeners.delete(own)
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    clearTimeout(this.#settled)
    if (this.#commands.isReady) this.#publisher.release()
    this.#publisher.abandon()
    this.#state = 'closed'
    this.#channels.close()
    this.#firstReady.resolve()
    await Promise.all([this.#commands.close(), this.#listening.close()])
  }

  #key(name: string): string {
    return this.#prefix + name
  }

  /** One operation: answered, or refused with the reason. */
  async #ask<T>(operation: (redis: Redis) => Promise<T>): Promise<BusOutcome<T>> {
    const refusal = this.#refusal()
    if (refusal !== undefined) {
      this.#refused++
      return refusal
    }
    this.#underWay++
    try {
      return accepted(await operation(this.#commands.client))
    } catch (error) {
      this.#refused++
      this.#lastError = describeError(error)
      return this.#commands.isReady ? failedRefusal(this.#lastError) : downRefusal
    } finally {
      this.#underWay--
    }
  }

  #refusal() {
    if (this.#state === 'closed') return closedRefusal
    if (!this.#commands.isReady) return downRefusal
    return this.#underWay >= MAX_UNDER_WAY ? busyRefusal : undefined
  }

  #add(transaction: ChainableCommander, change: BusChange): void {
    const key = this.#key(change.key)
    switch (change.do) {
      case 'set':
        if (change.ttlMs === undefined) transaction.set(key, change.value)
        else transaction.set(key, change.value, 'PX', wholeMs(change.ttlMs))
        return
      case 'delete':
        transaction.del(key)
        return
      case 'renew':
        transaction.pexpire(key, wholeMs(change.ttlMs))
        return
      case 'addMembers':
        for (const part of partsOf(change.members)) transaction.sadd(key, ...part)
        return
      case 'removeMembers':
        for (const part of partsOf(change.members)) transaction.srem(key, ...part)
        return
      case 'setFields':
        for (const part of partsOf(change.fields)) transaction.hset(key, ...part.flat())
        return
      case 'removeFields':
        for (const part of partsOf(change.fields)) transaction.hdel(key, ...part)
    }
  }

  async #listenAgain(): Promise<void> {
    this.#isListening = await this.#channels.askAgain()
    if (this.#isListening) this.#onLinkReady()
  }

  /** Either connection can work again; the bus does when both can. */
  #onLinkReady(): void {
    if (this.#state === 'closed' || !this.#commands.isReady || !this.#isListening) return
    if (this.#state === 'starting') {
      this.#state = 'ok'
      this.#firstReady.resolve()
      this.#publisher.release()
      return
    }
    this.#state = 'settling'
    this.#recoveries++
    clearTimeout(this.#settled)
    this.#settled = setTimeout(() => this.#onSettled(), SETTLE_MS)
    for (const listener of this.#recoveryListeners) listener()
  }

  #onLinkLost(): void {
    clearTimeout(this.#settled)
    if (this.#state === 'ok' || this.#state === 'settling') this.#state = 'degraded'
  }

  #onSettled(): void {
    this.#state = 'ok'
    this.#publisher.release()
  }
}

/** A list in parts that can be the arguments of one command. */
function partsOf<T>(list: readonly T[]): readonly (readonly T[])[] {
  if (list.length === 0) return []
  const count = Math.ceil(list.length / MAX_ARGUMENTS)
  return Array.from({ length: count }, (_, n) => list.slice(n * MAX_ARGUMENTS, (n + 1) * MAX_ARGUMENTS))
}

/** A line `name:number` of what INFO answers; 0 when it is not there. */
function numberIn(text: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(text)?.[1] ?? 0)
}

/** Redis takes whole milliseconds, at least one. */
function wholeMs(ttlMs: number): number {
  return Math.max(1, Math.ceil(ttlMs))
}
