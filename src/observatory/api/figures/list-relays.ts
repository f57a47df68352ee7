/** Which relays are asked for, and in what order. */
import type { RelayFigures } from '../../snapshot.ts'
import { type Sorting, sorted } from './sorting.ts'

export interface RelayFilter {
  /** All of them. */
  readonly nip: readonly number[] | undefined
  /** One of them; upper case. */
  readonly country: readonly string[] | undefined
  /** Within the name of the software, in any case. */
  readonly software: string | undefined
  readonly state: readonly string[] | undefined
  /** Milliseconds; relays without a measurement are left out, as with `min_uptime` (per cent). */
  readonly max_latency: number | undefined
  readonly min_uptime: number | undefined
  /** Within URL, name or description, in any case. */
  readonly q: string | undefined
}

export const RELAY_SORT_KEYS = {
  events: (relay) => relay.events,
  active_users: (relay) => relay.users.count,
  latency: (relay) => relay.latencyP50Ms,
  latency_p95: (relay) => relay.latencyP95Ms,
  health_score: (relay) => relay.healthScore,
  uptime: (relay) => relay.uptime,
  first_seen: (relay) => relay.firstSeenSeconds,
  last_event: (relay) => relay.lastEventSeconds,
} as const satisfies Readonly<Record<string, (relay: RelayFigures) => number | undefined>>

export type RelaySorting = Sorting<keyof typeof RELAY_SORT_KEYS>

/** Relays of the filter, in order; equal ones by URL, those without the figure last. */
export function listRelays(
  relays: readonly RelayFigures[],
  filter: RelayFilter,
  sorting: RelaySorting,
): readonly RelayFigures[] {
  const found = relays.filter(matcherOf(filter))
  return sorted(found, { ...sorting, figureOf: RELAY_SORT_KEYS[sorting.by], nameOf: ({ url }) => url })
}

function matcherOf(filter: RelayFilter): (relay: RelayFigures) => boolean {
  const { nip, country, state, max_latency, min_uptime } = filter
  const software = filter.software?.toLowerCase()
  const q = filter.q?.toLowerCase()
  return (relay) => {
    const { information, latencyP50Ms, uptime } = relay
    if (nip !== undefined && !nip.every((one) => information?.nips.includes(one))) return false
    if (country !== undefined && !country.some((one) => isFrom(information?.countries, one))) return false
    if (state !== undefined && !state.includes(relay.state)) return false
    if (max_latency !== undefined && (latencyP50Ms === undefined || latencyP50Ms > max_latency)) return false
    if (min_uptime !== undefined && (uptime === undefined || uptime * 100 < min_uptime)) return false
    if (software !== undefined && !holds(information?.software, software)) return false
    return (
      q === undefined ||
      [relay.url, information?.name, information?.description].some((text) => holds(text, q))
    )
  }
}

function isFrom(countries: readonly string[] | undefined, country: string): boolean {
  return countries?.some((one) => one.toUpperCase() === country) ?? false
}

function holds(text: string | undefined, part: string): boolean {
  return text?.toLowerCase().includes(part) ?? false
}
