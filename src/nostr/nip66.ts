/** What monitors of relays say (NIP-66): relay discovery, kind 30166, and the announcement of a monitor, kind 10166. */
import { accepted, type Outcome, refused } from '../kernel/index.ts'
import type { NostrEvent } from './event.ts'
import type { UnsignedTemplate } from './finalize-event.ts'
import { isJsonObject } from './json-object.ts'
import { dTagValue, MAX_KIND } from './kinds.ts'

export const RELAY_DISCOVERY_KIND = 30166
export const MONITOR_ANNOUNCEMENT_KIND = 10166

/** Values of one tag name that are read and written; further ones are passed over. */
export const MAX_DISCOVERY_VALUES = 200
/** Longer values of a tag are passed over. In UTF-16 units. */
const MAX_VALUE_UNITS = 128
const MAX_URL_UNITS = 512
/** A longer document of NIP-11 is passed over. */
const MAX_DOCUMENT_UNITS = 65_536
/** Nothing on Earth takes ten minutes. */
const MAX_RTT_MS = 600_000
/** Label namespaces of NIP-32: what NIP-66 shows for languages, and those that monitors use for countries. */
const LANGUAGE_NAMESPACE = 'ISO-639-1'
const COUNTRY_NAMESPACE = 'ISO-3166-1:alpha-2'
const COUNTRY_NAMESPACES: ReadonlySet<string> = new Set([
  'iso-3166-1',
  'iso-3166-1:alpha-2',
  'iso-3166-1-alpha-2',
  'countrycode',
])

const NETWORKS = ['clearnet', 'tor', 'i2p', 'loki'] as const
export type RelayNetwork = (typeof NETWORKS)[number]

/** What a monitor found out about one relay. */
export interface RelayDiscovery {
  /** Normalised as NIP-66 wants it (RFC 3986): `wss://some.relay/`. */
  readonly url: string
  readonly network: RelayNetwork | undefined
  /** Types of relay in PascalCase, such as `PrivateInbox`. */
  readonly types: readonly string[]
  /** Ascending. */
  readonly nips: readonly number[]
  /** By key (`auth`, `payment`, `pow`, `writes`): is it required? A key that is missing was not said. */
  readonly requirements: ReadonlyMap<string, boolean>
  readonly topics: readonly string[]
  readonly acceptedKinds: readonly number[]
  readonly refusedKinds: readonly number[]
  readonly geohashes: readonly string[]
  /** ISO 3166-1 alpha-2, upper case. */
  readonly countries: readonly string[]
  /** ISO 639-1, lower case. */
  readonly languages: readonly string[]
  /** Milliseconds. */
  readonly rttOpenMs: number | undefined
  readonly rttReadMs: number | undefined
  readonly rttWriteMs: number | undefined
  /** The relay's NIP-11 document as JSON text; undefined when there is none that can be read. */
  readonly document: string | undefined
}

/** What a monitor announces about itself. */
export interface MonitorAnnouncement {
  readonly frequencySeconds: number
  /** Milliseconds by check (`open`, `read`, `write`, `nip11`); the empty name stands for all checks. */
  readonly timeoutsMs: ReadonlyMap<string, number>
  /** Lower case. */
  readonly checks: readonly string[]
  readonly geohashes: readonly string[]
}

/** A relay's URL as the `d` tag has it; undefined for what is no `ws` or `wss` URL. */
export function discoveryUrl(url: string): string | undefined {
  if (url.length > MAX_URL_UNITS) return undefined
  const parsed = URL.parse(url)
  if (parsed === null || (parsed.protocol !== 'ws:' && parsed.protocol !== 'wss:')) return undefined
  // Credentials are nobody's business, and a fragment never reaches the relay.
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${parsed.search}`
}

/** The event of kind 30166, to be signed by the monitor. Refuses a URL that is none of a relay. */
export function relayDiscovery(
  discovery: RelayDiscovery,
  createdAtSeconds: number,
): Outcome<UnsignedTemplate, string> {
  const url = discoveryUrl(discovery.url)
  if (url === undefined) return refused(`${discovery.url.slice(0, MAX_URL_UNITS)} is no URL of a relay`)
  const requirements = [...discovery.requirements].map(([key, isRequired]) => (isRequired ? key : `!${key}`))
  const tags = [
    ['d', url],
    ...tagsOf('n', discovery.network === undefined ? [] : [discovery.network]),
    ...tagsOf('T', discovery.types),
    ...tagsOf('N', discovery.nips),
    ...tagsOf('R', requirements),
    ...tagsOf('t', discovery.topics),
    ...tagsOf('k', [...discovery.acceptedKinds, ...discovery.refusedKinds.map((kind) => `!${kind}`)]),
    ...tagsOf('g', discovery.geohashes),
    ...tagsOf('l', discovery.countries, COUNTRY_NAMESPACE),
    ...tagsOf('l', discovery.languages, LANGUAGE_NAMESPACE),
    ...rttTag('rtt-open', discovery.rttOpenMs),
    ...rttTag('rtt-read', discovery.rttReadMs),
    ...rttTag('rtt-write', discovery.rttWriteMs),
  ]
  const content = discovery.document ?? ''
  return accepted({ kind: RELAY_DISCOVERY_KIND, created_at: createdAtSeconds, tags, content })
}

/**
 * Reads a relay discovery. Refuses what is of another kind and what is about no URL (NIP-66 allows a public key there); of
 * the rest, what cannot be read is passed over.
 */
export function parseRelayDiscovery(
  event: Pick<NostrEvent, 'kind' | 'tags' | 'content'>,
): Outcome<RelayDiscovery, string> {
  if (event.kind !== RELAY_DISCOVERY_KIND)
    return refused(`a relay discovery has kind ${RELAY_DISCOVERY_KIND}, not ${event.kind}`)
  const url = discoveryUrl(dTagValue(event))
  if (url === undefined) return refused('the d tag of a relay discovery must hold the URL of a relay')
  const values = (name: string) => valuesOf(event, name)
  const network = values('n')[0]
  return accepted({
    url,
    network: NETWORKS.find((known) => known === network),
    types: values('T'),
    nips: values('N')
      .flatMap((value) => wholeNumber(value, 0xffff) ?? [])
      .toSorted((a, b) => a - b),
    requirements: new Map(values('R').map((value) => [value.replace(/^!/, ''), !value.startsWith('!')])),
    topics: values('t'),
    acceptedKinds: values('k').flatMap((value) => wholeNumber(value, MAX_KIND) ?? []),
    refusedKinds: values('k').flatMap((value) =>
      value.startsWith('!') ? (wholeNumber(value.slice(1), MAX_KIND) ?? []) : [],
    ),
    geohashes: values('g'),
    ...labelsOf(event),
    rttOpenMs: rttOf(values('rtt-open')[0]),
    rttReadMs: rttOf(values('rtt-read')[0]),
    rttWriteMs: rttOf(values('rtt-write')[0]),
    document: documentOf(event.content),
  })
}

/** The event of kind 10166, to be signed by the monitor. */
export function monitorAnnouncement(
  { frequencySeconds, timeoutsMs, checks, geohashes }: MonitorAnnouncement,
  createdAtSeconds: number,
): UnsignedTemplate {
  // The text of NIP-66 has the milliseconds first, its example the check; this is the text.
  const timeouts = [...timeoutsMs].map(([check, ms]) =>
    check === '' ? ['timeout', String(ms)] : ['timeout', String(ms), check],
  )
  const tags = [
    ['frequency', String(frequencySeconds)],
    ...timeouts,
    ...tagsOf('c', checks),
    ...tagsOf('g', geohashes),
  ]
  return { kind: MONITOR_ANNOUNCEMENT_KIND, created_at: createdAtSeconds, tags, content: '' }
}

/** Reads the announcement of a monitor, with the values of `timeout` in either order. Refuses one without a frequency. */
export function parseMonitorAnnouncement(
  event: Pick<NostrEvent, 'kind' | 'tags'>,
): Outcome<MonitorAnnouncement, string> {
  if (event.kind !== MONITOR_ANNOUNCEMENT_KIND)
    return refused(`the announcement of a monitor has kind ${MONITOR_ANNOUNCEMENT_KIND}, not ${event.kind}`)
  const frequencySeconds = wholeNumber(valuesOf(event, 'frequency')[0] ?? '', 366 * 86_400)
  if (frequencySeconds === undefined || frequencySeconds === 0)
    return refused('the announcement of a monitor needs a frequency in seconds')
  const timeoutsMs = new Map<string, number>()
  for (const [name, first = '', second = ''] of event.tags) {
    if (name !== 'timeout' || timeoutsMs.size === MAX_DISCOVERY_VALUES) continue
    const isMsFirst = wholeNumber(first, MAX_RTT_MS) !== undefined
    const ms = wholeNumber(isMsFirst ? first : second, MAX_RTT_MS)
    const check = isMsFirst ? second : first
    if (ms !== undefined && check.length <= MAX_VALUE_UNITS) timeoutsMs.set(check, ms)
  }
  const checks = valuesOf(event, 'c').map((check) => check.toLowerCase())
  return accepted({ frequencySeconds, timeoutsMs, checks, geohashes: valuesOf(event, 'g') })
}

function tagsOf(name: string, values: readonly (string | number)[], namespace?: string): readonly string[][] {
  return [...new Set(values)]
    .slice(0, MAX_DISCOVERY_VALUES)
    .map((value) => (namespace === undefined ? [name, String(value)] : [name, String(value), namespace]))
}

function rttTag(name: string, ms: number | undefined): readonly string[][] {
  return ms === undefined ? [] : [[name, String(Math.min(MAX_RTT_MS, Math.max(0, Math.round(ms))))]]
}

/** The values of all tags of a name, each once. */
function valuesOf({ tags }: Pick<NostrEvent, 'tags'>, wanted: string): readonly string[] {
  const values = new Set<string>()
  for (const [name, value = ''] of tags) {
    if (name === wanted && value !== '' && value.length <= MAX_VALUE_UNITS) values.add(value)
    if (values.size === MAX_DISCOVERY_VALUES) break
  }
  return [...values]
}

function labelsOf({ tags }: Pick<NostrEvent, 'tags'>): Pick<RelayDiscovery, 'countries' | 'languages'> {
  const countries = new Set<string>()
  const languages = new Set<string>()
  for (const [name, value = '', namespace = ''] of tags.slice(0, 10 * MAX_DISCOVERY_VALUES)) {
    if (name !== 'l' || !/^[a-z]{2}$/i.test(value)) continue
    if (namespace.toUpperCase() === LANGUAGE_NAMESPACE) languages.add(value.toLowerCase())
    else if (COUNTRY_NAMESPACES.has(namespace.toLowerCase())) countries.add(value.toUpperCase())
  }
  return { countries: [...countries], languages: [...languages] }
}

/** Decimals only, without leading zeros. */
function wholeNumber(text: string, most: number): number | undefined {
  if (!/^(?:0|[1-9]\d{0,9})$/.test(text)) return undefined
  const number = Number(text)
  return number <= most ? number : undefined
}

/** Some monitors write fractions of a millisecond. */
function rttOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,7}(?:\.\d+)?$/.test(text)) return undefined
  const ms = Math.round(Number(text))
  return ms <= MAX_RTT_MS ? ms : undefined
}

function documentOf(content: string): string | undefined {
  if (content === '' || content.length > MAX_DOCUMENT_UNITS) return undefined
  try {
    return isJsonObject(JSON.parse(content)) ? content : undefined
  } catch {
    return undefined
  }
}
