/** Which relays are shown, and in which order. The whole choice is in the address, so that it can be sent to somebody. */
import type { RelayBody } from '../api/bodies.ts'
import { softwareName } from './relay-names.ts'

export const RELAY_ORDERS = [
  'name',
  'health',
  'uptime',
  'latency',
  'events',
  'people',
  'software',
  'country',
  'state',
] as const
export type RelayOrder = (typeof RELAY_ORDERS)[number]
export type Direction = 'ascending' | 'descending'

export interface RelayChoice {
  readonly search: string
  readonly order: RelayOrder
  readonly direction: Direction
  readonly nip: string
  readonly country: string
  readonly software: string
  readonly state: string
  /** At most so many milliseconds, at least so many per cent; empty: any. */
  readonly latency: string
  readonly uptime: string
  readonly page: number
}

/** Names in the address. */
export const CHOICE_PARAMETERS = {
  search: 'q',
  order: 'sort',
  direction: 'dir',
  nip: 'nip',
  country: 'country',
  software: 'software',
  state: 'state',
  latency: 'latency',
  uptime: 'uptime',
  page: 'page',
} as const

export const ROWS_PER_PAGE = 50
/** Programs to choose from; one that fewer relays run is found by the search. */
const MAX_PROGRAMS = 200

/** Numbers are looked at from the largest, names and delays from the smallest. */
export function usualDirection(order: RelayOrder): Direction {
  return order === 'events' || order === 'people' || order === 'health' || order === 'uptime'
    ? 'descending'
    : 'ascending'
}

export function readChoice(query: URLSearchParams): RelayChoice {
  const text = (name: keyof typeof CHOICE_PARAMETERS) => query.get(CHOICE_PARAMETERS[name]) ?? ''
  const order = RELAY_ORDERS.find((known) => known === text('order')) ?? 'events'
  const direction = text('direction')
  return {
    search: text('search'),
    order,
    direction: direction === 'ascending' || direction === 'descending' ? direction : usualDirection(order),
    nip: text('nip'),
    country: text('country'),
    software: text('software'),
    state: text('state'),
    latency: text('latency'),
    uptime: text('uptime'),
    page: Math.max(1, Math.floor(Number(text('page'))) || 1),
  }
}

export function chosenRelays(relays: readonly RelayBody[], choice: RelayChoice): readonly RelayBody[] {
  return relays.filter((relay) => isChosen(relay, choice)).sort(comparison(choice))
}

function isChosen(
  relay: RelayBody,
  { search, nip, country, software, state, latency, uptime }: RelayChoice,
): boolean {
  return (
    (search === '' || mentions(relay, search)) &&
    (nip === '' || relay.nips.includes(Number(nip))) &&
    (country === '' || relay.countries.some((code) => code.toUpperCase() === country)) &&
    (software === '' || (relay.software !== null && softwareName(relay.software) === software)) &&
    (state === '' || relay.state === state) &&
    // A relay without a measurement does not hold what is asked of it.
    (latency === '' || (relay.latency !== null && relay.latency <= Number(latency))) &&
    (uptime === '' || (relay.uptime !== null && relay.uptime >= Number(uptime)))
  )
}

/** Every word stands somewhere in what the relay says of itself. */
function mentions({ url, name, software }: RelayBody, search: string): boolean {
  const text = `${url} ${name ?? ''} ${software ?? ''}`.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

type Value = number | string | null

function comparison({ order, direction }: RelayChoice): (a: RelayBody, b: RelayBody) => number {
  const sign = direction === 'ascending' ? 1 : -1
  return (a, b) => {
    const [left, right] = [sortValue(a, order), sortValue(b, order)]
    // What is not known comes last in either direction.
    if (left === null || right === null) return Number(left === null) - Number(right === null) || byUrl(a, b)
    return sign * compare(left, right) || byUrl(a, b)
  }
}

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : byText(String(a), String(b))
}

function byText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function byUrl(a: RelayBody, b: RelayBody): number {
  return byText(a.url, b.url)
}

function sortValue(relay: RelayBody, order: RelayOrder): Value {
  if (order === 'name') return relay.url.replace(/^wss?:\/\//, '')
  if (order === 'health') return relay.health_score
  if (order === 'people') return relay.active_users.count
  if (order === 'software') return relay.software === null ? null : softwareName(relay.software)
  if (order === 'country') return relay.countries[0] ?? null
  return relay[order]
}

export interface Options {
  readonly nips: readonly string[]
  readonly countries: readonly string[]
  readonly software: readonly string[]
  readonly states: readonly string[]
}

/** What there is to choose from; programs by how many relays run them. */
export function optionsOf(relays: readonly RelayBody[]): Options {
  const nips = new Set(relays.flatMap((relay) => relay.nips))
  const programs = new Map<string, number>()
  for (const { software } of relays) {
    const name = software === null ? '' : softwareName(software)
    if (name !== '') programs.set(name, (programs.get(name) ?? 0) + 1)
  }
  return {
    nips: [...nips].sort((a, b) => a - b).map(String),
    countries: [
      ...new Set(relays.flatMap((relay) => relay.countries.map((code) => code.toUpperCase()))),
    ].sort(),
    software: [...programs]
      .sort((a, b) => b[1] - a[1] || byText(a[0], b[0]))
      .slice(0, MAX_PROGRAMS)
      .map(([name]) => name),
    states: [...new Set(relays.map(({ state }) => state))].sort(),
  }
}
