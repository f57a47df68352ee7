import type { EventStore } from '../events/index.ts'
import { noteDuration } from '../kernel/index.ts'
import {
  closedMessage,
  countMessage,
  eoseMessage,
  eventMessage,
  type Filter,
  hyperLogLogHex,
  hyperLogLogOffset,
  KINDS,
  reason,
} from '../nostr/index.ts'
import type { AccessLists } from './access-lists.ts'
import type { Authentication } from './authentication.ts'
import type { Counters } from './counters.ts'
import type { FanOut } from './fan-out.ts'
import type { ReadPolicies } from './policies/index.ts'
import type { QueryRunner } from './query-runner.ts'
import type { RelayHost } from './relay-host.ts'
import type { Connection } from './session.ts'
import type { RelaySettings } from './settings.ts'
import { Subscription } from './subscription.ts'
import { TokenBuckets } from './token-buckets.ts'
import type { SlowLane } from './turns/index.ts'

/** COUNTs that one connection may have in progress. */
const MAX_OPEN_COUNTS = 20

export interface RequestsDeps {
  readonly settings: RelaySettings
  readonly store: EventStore
  readonly lists: AccessLists
  readonly host: RelayHost
  readonly readPolicies: ReadPolicies
  readonly fanOut: FanOut
  readonly queries: QueryRunner
  /** Where counts of those wait who ask for many. */
  readonly slowLane: SlowLane
  readonly authentication: Authentication
  readonly counters: Counters
  readonly nowMs: () => number
}

/** Answers what clients ask for: REQ, COUNT, CLOSE. */
export class Requests {
  readonly #deps: RequestsDeps
  #settings: RelaySettings
  #policies: ReadPolicies
  #exempt: ReadonlySet<string>
  #rate: TokenBuckets

  constructor(deps: RequestsDeps) {
    this.#deps = deps
    this.#settings = deps.settings
    this.#policies = deps.readPolicies
    this.#exempt = new Set(deps.settings.rates.exemptIps)
    this.#rate = requestRate(deps.settings)
  }

  configure(settings: RelaySettings, readPolicies: ReadPolicies): void {
    const { requestsPerSecond, requestsBurst } = this.#settings.rates
    const { rates } = settings
    if (rates.requestsPerSecond !== requestsPerSecond || rates.requestsBurst !== requestsBurst) {
      this.#rate = requestRate(settings)
    }
    this.#settings = settings
    this.#policies = readPolicies
    this.#exempt = new Set(rates.exemptIps)
  }

  request(connection: Connection, id: string, filters: readonly Filter[]): void {
    const { fanOut, queries, store } = this.#deps
    const { session } = connection
    const refusal = this.refusalOf(connection, 'read', filters) ?? this.#refuseId(id)
    // The client takes the id for closed or replaced now, so what it had under this id must not live on.
    this.close(connection, id)
    if (refusal !== undefined) {
      this.refuse(connection, id, refusal)
      return
    }
    if (filters.every(asksForInvite)) {
      void this.#answerInvite(connection, id)
      return
    }
    session.subscriptions ??= new Map()
    const { maxSubscriptions } = this.#settings.limits
    if (session.subscriptions.size >= maxSubscriptions) {
      const text = `at most ${maxSubscriptions} subscriptions may be open`
      this.refuse(connection, id, reason('rate-limited', text))
      return
    }
    const bounded = filters.map((filter) => this.#bound(this.#withoutSpam(filter)))
    const cursor = store.query(bounded, this.#nowSeconds(), session.audience)
    const subscription = new Subscription(connection, id, bounded, cursor, this.#settings.eoseHint)
    session.subscriptions.set(id, subscription)
    // Filed before the first page is read, so that nothing falls between what is stored and what is live.
    fanOut.add(subscription)
    queries.start(subscription)
  }

  count(connection: Connection, id: string, filters: readonly Filter[]): void {
    const { session } = connection
    const refusal = this.refusalOf(connection, 'count', filters) ?? this.#refuseId(id)
    if (refusal !== undefined) this.refuse(connection, id, refusal)
    else if (session.openCounts >= MAX_OPEN_COUNTS) {
      this.refuse(connection, id, reason('rate-limited', `at most ${MAX_OPEN_COUNTS} counts at a time`))
    } else {
      const asked = filters.map((filter) => this.#withoutSpam(filter))
      session.openCounts++
      this.#deps.slowLane.run(session.source, () => this.#answerCount(connection, id, asked))
    }
  }

  close({ session }: Connection, id: string): void {
    const subscription = session.subscriptions?.get(id)
    if (subscription === undefined) return
    session.subscriptions?.delete(id)
    this.#deps.fanOut.remove(subscription)
  }

  /** Why this client may not ask this, if so; the challenge goes out when that would help it. */
  refusalOf(
    connection: Connection,
    action: 'read' | 'count',
    filters: readonly Filter[],
  ): string | undefined {
    const { lists, authentication, nowMs } = this.#deps
    const { address, pubkeys } = connection.session
    const isLimited = !this.#exempt.has(address) && !lists.isUnlimitedIp(address)
    if (isLimited && !this.#rate.take(address, nowMs())) return TOO_FAST
    if (lists.hasBannedPubkeys && pubkeys.some((pubkey) => lists.banReasonOf(pubkey) !== undefined))
      return BANNED
    const level = lists.levelOf(pubkeys, this.#nowSeconds())
    const refusal = this.#policies.refuseRead(filters, { action, pubkeys, level })
    if (refusal?.startsWith('auth-required') === true) authentication.challenge(connection)
    return refusal
  }

  refuse(connection: Connection, id: string, text: string): void {
    this.#deps.counters.closedByUs++
    connection.sendText(closedMessage(id, text))
  }

  async #answerCount(connection: Connection, id: string, filters: readonly Filter[]): Promise<void> {
    const sinceMs = performance.now()
    try {
      // Whoever waited for a turn may be gone.
      if (!connection.isOpen) return
      connection.sendText(await this.#countMessage(connection, id, filters))
      noteDuration(this.#deps.counters.counting, performance.now() - sinceMs)
    } catch {
      this.refuse(connection, id, reason('error', 'the events could not be counted, try again later'))
    } finally {
      connection.session.openCounts--
    }
  }

  /** With HyperLogLog registers where the filter has a place to read them from (NIP-45). */
  async #countMessage({ session }: Connection, id: string, filters: readonly Filter[]): Promise<string> {
    const { store } = this.#deps
    const { audience } = session
    const [filter] = filters
    const offset = filters.length === 1 && filter !== undefined ? hyperLogLogOffset(filter) : undefined
    if (filter === undefined || offset === undefined) {
      return countMessage(id, await store.count(filters, this.#nowSeconds(), audience))
    }
    const { count, registers } = await store.sketch(filter, offset, this.#nowSeconds(), audience)
    return countMessage(id, count, { hll: hyperLogLogHex(registers) })
  }

  /** An invite is made for who asks for it, and is nobody else's (NIP-43). */
  async #answerInvite(connection: Connection, id: string): Promise<void> {
    const { host, authentication } = this.#deps
    const { pubkeys } = connection.session
    try {
      if (pubkeys.length === 0) {
        authentication.challenge(connection)
        this.refuse(
          connection,
          id,
          reason('auth-required', 'to be given an invite, authenticate first (NIP-42)'),
        )
        return
      }
      const event = await host.invite(pubkeys)
      if (event === undefined) {
        this.refuse(connection, id, reason('restricted', 'you may not invite others here (NIP-43)'))
        return
      }
      connection.sendText(eventMessage(id, JSON.stringify(event)))
      connection.sendText(eoseMessage(id))
    } catch {
      this.refuse(connection, id, reason('error', 'no invite could be made, try again later'))
    }
  }

  #refuseId(id: string): string | undefined {
    const { maxSubidLength } = this.#settings.limits
    if (id.length <= maxSubidLength || Array.from(id).length <= maxSubidLength) return undefined
    return reason('invalid', `a subscription id has at most ${maxSubidLength} characters`)
  }

  #bound(filter: Filter): Filter {
    const { defaultLimit, maxLimit } = this.#settings.limits
    return { ...filter, limit: Math.min(filter.limit ?? defaultLimit, maxLimit) }
  }

  /** Spam is left out of what a search finds (NIP-50), unless it is asked for with `include:spam`. */
  #withoutSpam(filter: Filter): Filter {
    const { searchThreshold } = this.#settings.policies.spam
    if (filter.search === undefined || searchThreshold === 0) return filter
    return { ...filter, spamFrom: searchThreshold }
  }

  #nowSeconds(): number {
    return Math.floor(this.#deps.nowMs() / 1_000)
  }
}

function requestRate({ rates }: RelaySettings): TokenBuckets {
  return new TokenBuckets({ perSecond: rates.requestsPerSecond, burst: rates.requestsBurst })
}

function asksForInvite({ kinds }: Filter): boolean {
  return kinds?.length === 1 && kinds[0] === KINDS.INVITE
}

const TOO_FAST = reason('rate-limited', 'too many requests from your address, slow down')
const BANNED = reason('blocked', 'a key that you have proved is banned here')
