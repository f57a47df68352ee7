import type { IncomingMessage } from 'node:http'
import type { Outcome } from '../kernel/index.ts'
import type { NostrEvent } from '../nostr/index.ts'
import type { AccessLists } from './access-lists.ts'
import { AUTH_LEVEL_NAMES } from './auth-level.ts'
import { clientAddress, TrustedProxies } from './client-address.ts'
import { NO_SWITCHES, type SharedSwitchesData } from './orders.ts'
import type { RelaySettings } from './settings.ts'
import { TokenBuckets } from './token-buckets.ts'

/** Why a connection is not taken: an HTTP answer instead of the upgrade. */
export interface ConnectionRefusal {
  readonly status: 401 | 403 | 429 | 503
  /** One sentence for people. */
  readonly text: string
}

/** A client that may come in. */
export interface Admitted {
  /** As limits count it. */
  readonly address: string
  /** What it proved by the event in its URL, if it did. */
  readonly proof: NostrEvent | undefined
}

export type ConnectionVerdict = Admitted | ConnectionRefusal

export interface ConnectionChecksDeps {
  readonly settings: RelaySettings
  readonly lists: AccessLists
  readonly openConnections: () => number
  /** Reads and checks the event in the query of the URL, and marks it as used; undefined when there is none. */
  readonly prove: (query: string, host: string) => Promise<Outcome<NostrEvent | undefined, string>>
  readonly nowMs: () => number
}

/**
 * The checks of a new connection, before the upgrade, in the order of document 003: maintenance mode, the limit on
 * connections, the address, the level. What comes over the connection later is checked where it is read.
 */
export class ConnectionChecks {
  readonly #deps: ConnectionChecksDeps
  readonly #perAddress = new Map<string, number>()
  readonly #proxies: TrustedProxies
  #settings: RelaySettings
  #rate: TokenBuckets
  #switches = NO_SWITCHES

  constructor(deps: ConnectionChecksDeps) {
    this.#deps = deps
    this.#settings = deps.settings
    this.#proxies = new TrustedProxies(deps.settings.trustedProxies)
    this.#rate = connectionRate(deps.settings)
  }

  configure(settings: RelaySettings): void {
    const { connectionsPerSecond, connectionsBurst } = settings.rates
    const before = this.#settings.rates
    if (before.connectionsPerSecond !== connectionsPerSecond || before.connectionsBurst !== connectionsBurst)
      this.#rate = connectionRate(settings)
    this.#settings = settings
  }

  /** What is switched for all processes holds beside what this relay's operators have decided: the stricter one. */
  switch(switches: SharedSwitchesData): void {
    this.#switches = switches
  }

  /** The verdict at once, or a promise when the client brings a proof with it. */
  check(request: IncomingMessage): ConnectionVerdict | Promise<ConnectionVerdict> {
    const address = this.#addressOf(request)
    const refusal = this.#refuseAddress(address)
    if (refusal !== undefined) return refusal
    const { auth, levels } = this.#settings
    const query = queryOf(request)
    // Most URLs have no query, and then nothing has to be waited for.
    if (auth.atConnect !== 'off' && query !== '')
      return this.#checkProof(address, query, request.headers.host)
    if (auth.atConnect === 'required' || levels.connect > 0) return UNPROVED
    return { address, proof: undefined }
  }

  opened(address: string): void {
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1)
  }

  closed(address: string): void {
    const left = (this.#perAddress.get(address) ?? 1) - 1
    if (left === 0) this.#perAddress.delete(address)
    else this.#perAddress.set(address, left)
  }

  #refuseAddress(address: string): ConnectionRefusal | undefined {
    const { lists, openConnections, nowMs } = this.#deps
    const { maintenance, maxConnections, rates } = this.#settings
    const { isInMaintenance, unlimitedIps } = this.#switches
    if (maintenance || lists.maintenance || isInMaintenance) return MAINTENANCE
    const isUnlimited = lists.isUnlimitedIp(address) || unlimitedIps.includes(address)
    const room = Math.min(lists.maxConnections ?? maxConnections, this.#sharedRoom())
    if (!isUnlimited && openConnections() >= room) return FULL
    if (lists.isBlockedIp(address)) return BLOCKED
    if (isUnlimited) return undefined
    if (!rates.exemptIps.includes(address) && !this.#rate.take(address, nowMs())) return TOO_FAST
    return this.#refuseMany(address)
  }

  /** How many connections this relay may hold, so that those of all processes are not too many. */
  #sharedRoom(): number {
    const { maxConnections, otherConnections } = this.#switches
    return maxConnections === 0 ? Infinity : maxConnections - otherConnections
  }

  #refuseMany(address: string): ConnectionRefusal | undefined {
    const { maxConnectionsPerIp } = this.#settings
    if (maxConnectionsPerIp === 0 || (this.#perAddress.get(address) ?? 0) < maxConnectionsPerIp)
      return undefined
    return { status: 429, text: `At most ${maxConnectionsPerIp} connections from one address.` }
  }

  async #checkProof(address: string, query: string, host: string | undefined): Promise<ConnectionVerdict> {
    const { prove, lists, nowMs } = this.#deps
    const { auth, levels } = this.#settings
    const proof = await prove(query, host ?? '')
    if (!proof.ok) return { status: 401, text: `The authorization does not count: ${proof.refusal}.` }
    if (proof.value === undefined) {
      return auth.atConnect === 'required' || levels.connect > 0 ? UNPROVED : { address, proof: undefined }
    }
    const { pubkey } = proof.value
    if (lists.banReasonOf(pubkey) !== undefined) return { status: 403, text: 'Your key is banned here.' }
    const level = lists.levelOf([pubkey], Math.floor(nowMs() / 1_000))
    const { connect } = levels
    if (level >= connect) return { address, proof: proof.value }
    return {
      status: 403,
      text: `To connect takes a ${AUTH_LEVEL_NAMES[connect]}, your key is a ${AUTH_LEVEL_NAMES[level]}.`,
    }
  }

  #addressOf({ socket, headers }: IncomingMessage): string {
    const forwardedFor = headers['x-forwarded-for']
    const header = Array.isArray(forwardedFor) ? forwardedFor.join(',') : forwardedFor
    return clientAddress(socket.remoteAddress, header, this.#proxies)
  }
}

function connectionRate({ rates }: RelaySettings): TokenBuckets {
  return new TokenBuckets({ perSecond: rates.connectionsPerSecond, burst: rates.connectionsBurst })
}

/** What follows the question mark. It may hold a proof of a key, so it must not get into any log. */
function queryOf({ url = '' }: IncomingMessage): string {
  const start = url.indexOf('?')
  return start === -1 ? '' : url.slice(start + 1)
}

const MAINTENANCE: ConnectionRefusal = {
  status: 503,
  text: 'The relay is being maintained and takes no new connections, try again later.',
}
const FULL: ConnectionRefusal = { status: 503, text: 'The relay is full, try again later.' }
const BLOCKED: ConnectionRefusal = { status: 403, text: 'Your address is blocked.' }
const TOO_FAST: ConnectionRefusal = {
  status: 429,
  text: 'Too many connections from your address, slow down.',
}
const UNPROVED: ConnectionRefusal = {
  status: 401,
  text: 'Connect with ?authorization=, a signed AUTH event as percent-encoded JSON.',
}
