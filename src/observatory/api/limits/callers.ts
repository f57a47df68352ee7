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
/** So many times that for pages of this very site, as browsers mark them; one can pretend it, and gains no more than this. */
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
  /** What requests are counted by. */
  readonly subject: string
  /** Requests in 15 minutes; infinite for a key that the staff gave no limit. */
  readonly limit: number
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

  /** Counts requests; refused when the caller may send no more for now. */
  take({ subject, limit, key }: Caller, cost = 1): Taken {
    const taken =
      limit === Infinity
        ? { isAllowed: true, limit, remaining: Infinity, resetSeconds: 0 }
        : this.#windows.take(subject, limit, cost)
    if (taken.isAllowed && key !== undefined) this.#deps.tiers()?.noteUse(key.id, cost)
    return taken
  }

  /** Counts an answer "not modified"; where there were too many of them, as a request. */
  takeUnchanged(caller: Caller): Taken {
    if (caller.limit === Infinity) return this.take(caller)
    const { isAllowed } = this.#windows.take(`unchanged:${caller.subject}`, UNCHANGED_LIMIT)
    return isAllowed ? { ...this.look(caller), isAllowed } : this.take(caller)
  }

  look({ subject, limit }: Caller): Taken {
    return this.#windows.look(subject, limit)
  }

  #byAddress(request: IncomingMessage): Caller {
    const address = this.#deps.addressOf(request) ?? 'unknown'
    const { addressLimit = ADDRESS_LIMIT } = this.#deps
    const isOwnPage = request.headers['sec-fetch-site'] === 'same-origin'
    return {
      key: undefined,
      tier: 'none',
      subject: `${isOwnPage ? 'page' : 'address'}:${address}`,
      limit: isOwnPage ? PAGE_SHARE * addressLimit : addressLimit,
    }
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
