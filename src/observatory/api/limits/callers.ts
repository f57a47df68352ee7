/** Who asks, and how often they may. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { accepted, type Outcome, refused } from '../../../kernel/index.ts'
import type { ObservatoryApiDeps } from '../deps.ts'
import { notOffered, type TimedRefusal } from '../http/refuse.ts'
import { FREE_TIER } from '../tiers/tiers.ts'
import { RequestWindows, type Taken } from './request-windows.ts'

/** Requests in 15 minutes from one address without a key, unless the operator says otherwise. */
export const ADDRESS_LIMIT = 100
/**
 * So many times that for pages of this very site, as browsers mark them. Anybody can pretend it, and gains no more than
 * this: it is what an address has in all, with or without that mark.
 */
const PAGE_SHARE = 6
/** Answers "not modified" to one address or key, which cost next to nothing and are not counted with the others. */
export const UNCHANGED_LIMIT = 3_000
/** A key that was good stays so for this long, and one that was not; so often the database is asked about one. */
const GOOD_KEY_MS = 30_000
const BAD_KEY_MS = 5_000
const MAX_KEYS = 10_000

export interface Caller {
  readonly key: { readonly id: string; readonly name: string } | undefined
  readonly tier: string
  /** What requests are counted by, and who holds what one may hold once: a key, or an address. */
  readonly subject: string
  /** Requests in 15 minutes; infinite for a key that the staff gave no limit. */
  readonly limit: number
  /** Requests of the subject in all, where the limit is of one way to ask. */
  readonly limitInAll?: number
}

type CallerOutcome = Outcome<Caller, TimedRefusal>

interface KnownKey {
  readonly outcome: Promise<
    Outcome<{ readonly id: string; readonly name: string; readonly isUnlimited: boolean }, TimedRefusal>
  >
  untilMs: number
}

type CallersDeps = Pick<
  ObservatoryApiDeps,
  'keys' | 'tiers' | 'rates' | 'clock' | 'addressOf' | 'addressLimit'
>

export class Callers {
  readonly #deps: CallersDeps
  readonly #windows: RequestWindows
  readonly #keys = new Map<string, KnownKey>()

  constructor(deps: CallersDeps) {
    this.#deps = deps
    this.#windows = new RequestWindows(deps.rates, deps.clock)
  }

  /** Without a promise for those without a key, who are most. */
  of(request: IncomingMessage): CallerOutcome | Promise<CallerOutcome> {
    const text = keyTextOf(request)
    return text === undefined ? accepted(this.#byAddress(request)) : this.#byKey(text, request)
  }

  /**
   * Somebody for whom a window of its own is kept, by address; keys are not looked at.
   *
   * @param limit requests in 15 minutes.
   */
  apart(request: IncomingMessage, name: string, limit: number): Caller {
    return { key: undefined, tier: 'none', subject: `${name}:${this.#addressOf(request)}`, limit }
  }

  /** Counts requests; refused when the caller may send no more for now. */
  take(caller: Caller, cost = 1): Taken {
    const taken = this.#take(caller, cost)
    if (taken.isAllowed && caller.key !== undefined) this.#deps.tiers()?.noteUse(caller.key.id, cost)
    return taken
  }

  /** Counts an answer "not modified"; where there were too many of them, as a request. */
  takeUnchanged(caller: Caller): Taken {
    if (caller.limit === Infinity) return this.take(caller)
    const { isAllowed } = this.#windows.take(`unchanged:${caller.subject}`, UNCHANGED_LIMIT)
    return isAllowed ? { ...this.look(caller), isAllowed } : this.take(caller)
  }

  look({ subject, limit, limitInAll }: Caller): Taken {
    if (limitInAll === undefined) return this.#windows.look(subject, limit)
    return narrower(this.#windows.look(unmarked(subject), limit), this.#windows.look(subject, limitInAll))
  }

  #take({ subject, limit, limitInAll }: Caller, cost: number): Taken {
    if (limit === Infinity) return { isAllowed: true, limit, remaining: Infinity, resetSeconds: 0 }
    if (limitInAll === undefined) return this.#windows.take(subject, limit, cost)
    // What one of the two windows refuses is counted in neither.
    const looked = this.#windows.look(unmarked(subject), limit)
    if (looked.remaining < cost) return { ...looked, isAllowed: false }
    const inAll = this.#windows.take(subject, limitInAll, cost)
    return inAll.isAllowed ? narrower(this.#windows.take(unmarked(subject), limit, cost), inAll) : inAll
  }

  #addressOf(request: IncomingMessage): string {
    return this.#deps.addressOf(request) ?? 'unknown'
  }

  #byAddress(request: IncomingMessage): Caller {
    const { addressLimit = ADDRESS_LIMIT } = this.#deps
    const who = { key: undefined, tier: 'none', subject: `address:${this.#addressOf(request)}` }
    const limitInAll = PAGE_SHARE * addressLimit
    const isOwnPage = request.headers['sec-fetch-site'] === 'same-origin'
    return isOwnPage ? { ...who, limit: limitInAll } : { ...who, limit: addressLimit, limitInAll }
  }

  async #byKey(text: string, request: IncomingMessage): Promise<CallerOutcome> {
    const found = await this.#knownKey(text)
    if (!found.ok) {
      // Who tries keys spends what the address has.
      const { isAllowed, limit, resetSeconds } = this.take(this.#byAddress(request))
      return isAllowed ? found : refused(tooMany(limit, resetSeconds))
    }
    const { id, name, isUnlimited } = found.value
    const key = { id, name }
    if (isUnlimited) return accepted({ key, tier: 'unlimited', subject: `key:${id}`, limit: Infinity })
    const tier = (await this.#deps.tiers()?.tierOf(id)) ?? FREE_TIER
    return accepted({ key, tier: tier.name, subject: `key:${id}`, limit: tier.requestsPer15Min })
  }

  #knownKey(text: string): KnownKey['outcome'] {
    const nowMs = this.#deps.clock.nowMs()
    // The text itself is a secret and is not kept.
    const name = createHash('sha256').update(text).digest('base64')
    const known = this.#keys.get(name)
    if (known !== undefined && known.untilMs > nowMs) return known.outcome
    const entry: KnownKey = { outcome: this.#check(text), untilMs: nowMs + BAD_KEY_MS }
    this.#keys.delete(name)
    for (const first of this.#keys.keys()) {
      if (this.#keys.size < MAX_KEYS) break
      this.#keys.delete(first)
    }
    this.#keys.set(name, entry)
    entry.outcome.then(
      ({ ok }) => {
        if (ok) entry.untilMs = nowMs + GOOD_KEY_MS
      },
      // Whoever waits for it hears of it; the next one asks again.
      () => this.#keys.delete(name),
    )
    return entry.outcome
  }

  async #check(text: string): KnownKey['outcome'] {
    const checker = this.#deps.keys()
    if (checker === undefined) return refused(notOffered('an API key'))
    const found = await checker.checkApiKey(text)
    if (!found.ok) return found
    const { apiKey, rateTier } = found.value
    if (apiKey === undefined) return refused({ code: 'UNAUTHORIZED', text: 'this is no API key' })
    return accepted({ ...apiKey, isUnlimited: rateTier === 'unlimited' })
  }
}

/** The window of requests without the mark of a page, of an address. */
function unmarked(subject: string): string {
  return `unmarked:${subject}`
}

/** The one of two windows that is used up first, in the words of the first one. */
function narrower(own: Taken, inAll: Taken): Taken {
  if (own.remaining <= inAll.remaining) return own
  const { isAllowed, remaining, resetSeconds } = inAll
  return { ...own, isAllowed: own.isAllowed && isAllowed, remaining, resetSeconds }
}

export function tooMany(limit: number, resetSeconds: number): TimedRefusal {
  return {
    code: 'RATE_LIMITED',
    text: `more than ${limit} requests in 15 minutes; try again in ${resetSeconds} seconds, or use an API key`,
    retryAfterSeconds: resetSeconds,
  }
}

/** `RateLimit-*` of the IETF draft, in the form that clients know. */
export function rateHeaders({ limit, remaining, resetSeconds }: Taken): Readonly<Record<string, string>> {
  if (limit === Infinity) return {}
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(resetSeconds),
    'ratelimit-policy': `${limit};w=900`,
  }
}

const MAX_KEY_LENGTH = 200

/** Of `X-Api-Key`, or of `Authorization: Bearer stoa_…`; other bearers are somebody else's business. */
function keyTextOf({ headers }: IncomingMessage): string | undefined {
  const own = headers['x-api-key']
  const [, bearer] = /^bearer +(stoa_\S+) *$/i.exec(headers.authorization ?? '') ?? []
  const text = typeof own === 'string' ? own : bearer
  return text?.slice(0, MAX_KEY_LENGTH)
}
