/** Where the schema's figures come from: the bodies of the other paths, as they are. */
import type { SourcedSnapshot } from '../../snapshot.ts'
import type { ApiContext } from '../api-context.ts'
import type { RelayBody, RelayHistoryPoint } from '../bodies.ts'
import { listClients } from '../figures/list-clients.ts'
import { listRelays, type RELAY_SORT_KEYS, type RelayFilter } from '../figures/list-relays.ts'
import { pageOf } from '../figures/pages.ts'
import {
  showActivity,
  showClient,
  showEvents,
  showLanguages,
  showRetention,
  showZapsPage,
} from '../figures/show-events.ts'
import { showOverview } from '../figures/show-overview.ts'
import { showRelay, showRelayPage, showTopRelays } from '../figures/show-relays.ts'
import { findRelay } from '../find-relay.ts'
import { MAX_LIST, MAX_TOP } from './schema-text.ts'

/** What a resolver throws so that its text and code reach the client. */
export class FigureError extends Error {
  readonly extensions: { readonly code: string }

  constructor(code: string, message: string) {
    super(message)
    this.extensions = { code }
  }
}

const RANGE_OF_WORD = { H24: '24h', D7: '7d', D30: '30d', D90: '90d', ALL: 'all' } as const
const MAX_OFFSET = 100_000

const KEY_OF_WORD = {
  EVENTS: 'events',
  ACTIVE_USERS: 'active_users',
  LATENCY: 'latency',
  LATENCY_P95: 'latency_p95',
  HEALTH_SCORE: 'health_score',
  UPTIME: 'uptime',
  FIRST_SEEN: 'first_seen',
  LAST_EVENT: 'last_event',
} as const satisfies Readonly<Record<string, keyof typeof RELAY_SORT_KEYS>>

interface RangeArgs {
  readonly range: keyof typeof RANGE_OF_WORD
}
interface PageArgs extends RangeArgs {
  readonly limit: number
  readonly offset: number
}
interface RelaysArgs extends PageArgs {
  readonly sort: keyof typeof KEY_OF_WORD
  readonly ascending: boolean
  readonly filter?: Partial<Record<keyof RelayFilter, unknown>> | null
}

export function resolversOf(context: ApiContext) {
  const at = async (range: keyof typeof RANGE_OF_WORD): Promise<SourcedSnapshot> => {
    const sourced = await context.desk.current(RANGE_OF_WORD[range])
    if (sourced === undefined) throw new FigureError('UNAVAILABLE', 'there are no figures yet')
    return sourced
  }
  return {
    Query: {
      overview: async (_: unknown, { range }: RangeArgs) => showOverview(await at(range)),
      relays: async (_: unknown, args: RelaysArgs) => {
        const { snapshot } = await at(args.range)
        const sorting = { by: KEY_OF_WORD[args.sort], isDescending: !args.ascending }
        const found = listRelays(snapshot.relays, filterOf(args.filter), sorting)
        const items = pageOf(found, checkedPage(args, MAX_LIST)).map((relay) => relayOf(showRelay(relay)))
        return { total: found.length, items }
      },
      relay: async (_: unknown, { url, range }: RangeArgs & { readonly url: string }) => {
        const sourced = await at(range)
        const relay = findRelay(sourced.snapshot, url)
        if (relay === undefined) return null
        const records = await context.relayRecords.of(relay.url, RANGE_OF_WORD[range])
        const page = showRelayPage({ sourced, relay, records })
        return { ...page, relay: relayOf(page), history: page.history.map(historyPointOf) }
      },
      events: async (_: unknown, { range }: RangeArgs) => {
        const body = showEvents((await at(range)).snapshot)
        return {
          ...body,
          by_kind: kindsOf(body.distribution.by_kind),
          by_day: namedOf(body.distribution.by_day),
        }
      },
      clients: async (_: unknown, args: PageArgs & { readonly q?: string | null }) => {
        const { snapshot } = await at(args.range)
        const filter = { kind: undefined, q: args.q ?? undefined }
        const found = listClients(snapshot.clients, filter, { by: 'count', isDescending: true })
        return pageOf(found, checkedPage(args, MAX_LIST)).map((client) => showClient(client, snapshot))
      },
      top_relays: async (_: unknown, { range, limit }: RangeArgs & { readonly limit: number }) => {
        const page = checkedPage({ limit, offset: 0 }, MAX_TOP)
        return showTopRelays((await at(range)).snapshot, page.limit).map((relay) => ({
          ...relay,
          kinds: kindsOf(relay.kind_distribution),
        }))
      },
      activity: async (_: unknown, { range }: RangeArgs) => showActivity((await at(range)).snapshot),
      zaps: async (_: unknown, { range }: RangeArgs) => showZapsPage((await at(range)).snapshot),
      retention: async (_: unknown, { range }: RangeArgs) => showRetention((await at(range)).snapshot),
      languages: async (_: unknown, { range }: RangeArgs) => showLanguages((await at(range)).snapshot),
    },
  }
}

function checkedPage({ limit, offset }: { readonly limit: number; readonly offset: number }, max: number) {
  if (limit < 1 || limit > max) throw new FigureError('BAD_PARAMETER', `limit must be from 1 to ${max}`)
  if (offset < 0 || offset > MAX_OFFSET) {
    throw new FigureError('BAD_PARAMETER', `offset must be from 0 to ${MAX_OFFSET}`)
  }
  return { limit, offset }
}

/** Null and what is left out are the same; the schema has seen to the types. */
function filterOf(given: RelaysArgs['filter']): RelayFilter {
  const filter = (given ?? {}) as { readonly [K in keyof RelayFilter]?: RelayFilter[K] | null }
  return {
    nip: filter.nip ?? undefined,
    country: filter.country?.map((one) => one.toUpperCase()),
    software: filter.software ?? undefined,
    state: filter.state ?? undefined,
    max_latency: filter.max_latency ?? undefined,
    min_uptime: filter.min_uptime ?? undefined,
    q: filter.q ?? undefined,
  }
}

function relayOf(relay: RelayBody) {
  return { ...relay, kinds: kindsOf(relay.kind_distribution), offences: namedOf(relay.offences) }
}

function historyPointOf(point: RelayHistoryPoint) {
  return {
    ...point,
    regions: Object.entries(point.regions).map(([region, measured]) => ({ region, ...measured })),
  }
}

function kindsOf(counts: Readonly<Record<string, number>>) {
  return Object.entries(counts).map(([kind, events]) => ({ kind: Number(kind), events }))
}

function namedOf(counts: Readonly<Record<string, number>>) {
  return Object.entries(counts).map(([name, count]) => ({ name, count }))
}
