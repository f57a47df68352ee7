/**
 * Relays that events speak of, relay lists (NIP-65) and monitors (NIP-66), and those that the information of other relays
 * names (NIP-11). Anybody can say anything there, so all is bounded.
 */
import { dTagValue, KINDS, type NostrEvent } from '../../nostr/index.ts'
import type { FoundOrigin } from '../relay-directory.ts'
import { type AddressRules, normalizeRelayAddress } from './relay-address.ts'

/** What a monitor says of a relay (NIP-66). */
const RELAY_DISCOVERY_KIND = 30_166
/** Of one relay list, the first ones; clients use no more. */
export const MAX_RELAYS_PER_EVENT = 16
/** New relays that one author can make known in a day. A monitor knows all of them … */
export const MAX_RELAYS_PER_LIST_AUTHOR = 24
export const MAX_RELAYS_PER_MONITOR = 500
/** … and those that the relays of one host can, by what they say of themselves. */
export const MAX_RELAYS_PER_NAMING_HOST = 24
/** … and names under one host, however many authors name them: a host can have endless paths. */
export const MAX_RELAYS_PER_HOST = 16
/** Authors and hosts of one day; what comes from further ones waits for the next day. */
const MAX_COUNTED = 100_000
const MAX_WAITING = 5_000
/** Addresses that were found in a day. What the directory did not take is not brought to it again on the same day. */
const MAX_FOUND = 100_000
const SECONDS_PER_DAY = 86_400

const PER_AUTHOR: Readonly<Record<FoundOrigin, number>> = {
  'relay-list': MAX_RELAYS_PER_LIST_AUTHOR,
  monitor: MAX_RELAYS_PER_MONITOR,
  information: MAX_RELAYS_PER_NAMING_HOST,
}

export interface DiscoveryDeps {
  readonly rules: AddressRules
  readonly isKnown: (url: string) => boolean
}

export class Discovery {
  readonly #deps: DiscoveryDeps
  readonly #waiting = new Map<string, FoundOrigin>()
  readonly #byAuthor = new Map<string, number>()
  readonly #byHost = new Map<string, number>()
  readonly #found = new Set<string>()
  #day = 0

  constructor(deps: DiscoveryDeps) {
    this.#deps = deps
  }

  /** @param event verified. */
  note(event: NostrEvent, nowSeconds: number): void {
    const isMonitor = event.kind === RELAY_DISCOVERY_KIND
    if (!isMonitor && event.kind !== KINDS.RELAY_LIST) return
    this.#beginDay(Math.floor(nowSeconds / SECONDS_PER_DAY))
    const urls = isMonitor ? [dTagValue(event)] : relayTags(event)
    for (const url of urls) this.#noteUrl(url, event.pubkey, isMonitor ? 'monitor' : 'relay-list')
  }

  /** @param from the relay that names the others in its information. */
  noteNamed(from: string, urls: readonly string[], nowSeconds: number): void {
    this.#beginDay(Math.floor(nowSeconds / SECONDS_PER_DAY))
    const host = new URL(from).host
    for (const url of urls) this.#noteUrl(url, host, 'information')
  }

  /** What waits to be learnt, at most so many. */
  take(count: number): readonly { readonly url: string; readonly origin: FoundOrigin }[] {
    const taken = [...this.#waiting].slice(0, count)
    for (const [url] of taken) this.#waiting.delete(url)
    return taken.map(([url, origin]) => ({ url, origin }))
  }

  #noteUrl(text: string, author: string, origin: FoundOrigin): void {
    if (this.#waiting.size >= MAX_WAITING) return
    const address = normalizeRelayAddress(text, this.#deps.rules)
    if (!address.ok || this.#found.has(address.value) || this.#deps.isKnown(address.value)) return
    if (this.#found.size >= MAX_FOUND) return
    if (!countUp(this.#byAuthor, author.slice(0, 32), PER_AUTHOR[origin])) return
    if (!countUp(this.#byHost, new URL(address.value).host, MAX_RELAYS_PER_HOST)) return
    this.#found.add(address.value)
    this.#waiting.set(address.value, origin)
  }

  #beginDay(day: number): void {
    if (day === this.#day) return
    this.#day = day
    this.#byAuthor.clear()
    this.#byHost.clear()
    this.#found.clear()
    for (const url of this.#waiting.keys()) this.#found.add(url)
  }
}

function relayTags({ tags }: NostrEvent): readonly string[] {
  const urls: string[] = []
  for (const [name, url] of tags) {
    if (name === 'r' && url !== undefined) urls.push(url)
    if (urls.length === MAX_RELAYS_PER_EVENT) break
  }
  return urls
}

function countUp(counts: Map<string, number>, name: string, max: number): boolean {
  const count = counts.get(name) ?? 0
  if (count >= max || (count === 0 && counts.size >= MAX_COUNTED)) return false
  counts.set(name, count + 1)
  return true
}
