/** Everything under `/api/v1` that is asked by HTTP and is not GraphQL. */
import Type from 'typebox'
import { accepted, refused } from '../../kernel/index.ts'
import { RANGES, SECONDS_PER_DAY } from '../ranges.ts'
import type { RelayFigures } from '../snapshot.ts'
import type { RecordsReader } from './deps.ts'
import { CLIENT_SORT_KEYS, listClients } from './figures/list-clients.ts'
import { listRelays, RELAY_SORT_KEYS } from './figures/list-relays.ts'
import { pageHeaders, pageOf } from './figures/pages.ts'
import {
  showActivity,
  showClient,
  showEvents,
  showLanguages,
  showRetention,
  showWindow,
  showZapsPage,
} from './figures/show-events.ts'
import { showFull, TOP_RELAYS } from './figures/show-full.ts'
import { showOverview } from './figures/show-overview.ts'
import { showRelay, showRelayPage, showTopRelays } from './figures/show-relays.ts'
import { findRelay } from './find-relay.ts'
import { figures, type Operation, type ShownOutcome } from './http/operation.ts'
import {
  decimal,
  listOf,
  moment,
  optional,
  orElse,
  pattern,
  sorting,
  text,
  wholeNumber,
  word,
} from './http/parameters.ts'
import { notOffered } from './http/refuse.ts'
import {
  ActivitySchema,
  ClientSchema,
  CohortSchema,
  EventsSchema,
  FullSchema,
  LanguageSchema,
  OverviewSchema,
  RelayPageSchema,
  RelaySchema,
  TopRelaySchema,
  WindowSchema,
  ZapsPageSchema,
} from './http/schemas.ts'
import { MORE_OPERATIONS } from './more-operations.ts'

/** Entries of one page. */
export const MAX_PAGE = 1_000
/** Pages end where the largest directory of relays does. */
const MAX_OFFSET = 100_000
const MAX_TOP = 100
/** Days of one window. */
const MAX_WINDOW_DAYS = 3_660

const range = orElse(word(RANGES), '24h')
const page = {
  limit: orElse(wholeNumber(1, MAX_PAGE), MAX_PAGE),
  offset: orElse(wholeNumber(0, MAX_OFFSET), 0),
}
const kind = wholeNumber(0, 65_535)

export const RELAY_FILTERS = {
  nip: optional(listOf(wholeNumber(0, 100_000))),
  country: optional(
    listOf({
      ...pattern(/^[A-Za-z]{2}$/, 'a country of two letters (ISO 3166-1)'),
      read: (given) => (/^[A-Za-z]{2}$/.test(given) ? given.toUpperCase() : undefined),
    }),
  ),
  software: optional(text(100)),
  state: optional(
    listOf(word(['candidate', 'connecting', 'catching-up', 'live', 'polling', 'waiting', 'refused'])),
  ),
  max_latency: optional(decimal(0, 600_000)),
  min_uptime: optional(decimal(0, 100)),
  q: optional(text(100)),
}

function shown(body: unknown, headers?: Readonly<Record<string, string>>): ShownOutcome {
  return accepted({ body, ...(headers !== undefined && { headers }) })
}

export const OPERATIONS: readonly Operation[] = [
  figures({
    url: '/stats/overview',
    says: 'What the network did in a range of time: relays, events, people, latency, zaps, and what these figures rest on.',
    tag: 'statistics',
    parameters: { range },
    output: OverviewSchema,
    rangeOf: (values) => values.range,
    show: ({ sourced }) => shown(showOverview(sourced)),
  }),
  figures({
    url: '/stats/relays',
    says: 'Relays that proved themselves, with their health; most events first. `X-Total-Count` says how many fit the filter, `Link` where the other pages are.',
    tag: 'statistics',
    parameters: {
      range,
      sort: orElse(sorting(keysOf(RELAY_SORT_KEYS)), { by: 'events', isDescending: true }),
      ...page,
      ...RELAY_FILTERS,
    },
    output: Type.Array(RelaySchema),
    rangeOf: (values) => values.range,
    show: ({ sourced: { snapshot }, values, url }) => {
      const found = listRelays(snapshot.relays, values, values.sort)
      return shown(pageOf(found, values).map(showRelay), pageHeaders(found.length, values, url))
    },
  }),
  relayPage('/stats/relays/:relay'),
  // Addresses that are longer than a parameter may be, or whose slashes are not escaped.
  relayPage('/stats/relays/*'),
  figures({
    url: '/stats/events/:range',
    says: 'Events by kind, by day (by hour for 24h), and the languages of texts.',
    tag: 'statistics',
    parameters: { range: word(RANGES) },
    inPath: ['range'],
    output: EventsSchema,
    rangeOf: (values) => values.range,
    show: ({ sourced }) => shown(showEvents(sourced.snapshot)),
  }),
  figures({
    url: '/stats/clients',
    says: 'Programs that events name in their `client` tag (NIP-89). Shares are of the events that carry one; `tagged_percentage` says how many those are.',
    tag: 'statistics',
    parameters: {
      range,
      sort: orElse(sorting(keysOf(CLIENT_SORT_KEYS)), { by: 'count', isDescending: true }),
      ...page,
      kind: optional(listOf(kind)),
      q: optional(text(100)),
    },
    output: Type.Array(ClientSchema),
    rangeOf: (values) => values.range,
    show: ({ sourced: { snapshot }, values, url }) => {
      const found = listClients(snapshot.clients, values, values.sort)
      const body = pageOf(found, values).map((client) => showClient(client, snapshot))
      return shown(body, pageHeaders(found.length, values, url))
    },
  }),
  figures({
    url: '/stats/top-relays',
    says: 'The relays with the most events.',
    tag: 'statistics',
    parameters: { range, limit: orElse(wholeNumber(1, MAX_TOP), TOP_RELAYS) },
    output: Type.Array(TopRelaySchema),
    rangeOf: (values) => values.range,
    show: ({ sourced, values }) => shown(showTopRelays(sourced.snapshot, values.limit)),
  }),
  figures({
    url: '/stats/activity',
    says: 'Events, people and zaps by hour (24h) or day. With `since` and `until`: the whole UTC days of any window of time, and an estimate of its distinct people with its error.',
    tag: 'statistics',
    parameters: { range, since: optional(moment), until: optional(moment) },
    output: Type.Union([Type.Array(ActivitySchema), WindowSchema]),
    rangeOf: (values) => values.range,
    show: ({ context, sourced, values: { since, until } }) =>
      since === undefined && until === undefined
        ? shown(showActivity(sourced.snapshot))
        : windowOf(context.deps.records(), { since, until }, sourced.snapshot.atSeconds),
  }),
  figures({
    url: '/stats/full/:range',
    says: 'All of these in one answer. `relays` is a page of them, most events first: the first 1,000 unless `limit` and `offset` say otherwise. `X-Total-Count` says how many there are, `Link` where the others are; `/stats/relays` has them alone.',
    tag: 'statistics',
    parameters: { range: word(RANGES), ...page },
    inPath: ['range'],
    output: FullSchema,
    rangeOf: (values) => values.range,
    show: ({ sourced, values, url }) =>
      shown(showFull(sourced, values), pageHeaders(sourced.snapshot.relays.length, values, url)),
  }),
  figures({
    url: '/stats/zaps',
    says: 'Zaps (NIP-57) by what their invoices say; those apart whose signer the wallet of the recipient names.',
    tag: 'statistics',
    parameters: { range },
    output: ZapsPageSchema,
    rangeOf: (values) => values.range,
    show: ({ sourced }) => shown(showZapsPage(sourced.snapshot)),
  }),
  figures({
    url: '/stats/retention',
    says: 'People who were new in a week, and the share of them that was there in the weeks after.',
    tag: 'statistics',
    parameters: { range },
    output: Type.Array(CohortSchema),
    rangeOf: (values) => values.range,
    show: ({ sourced }) => shown(showRetention(sourced.snapshot)),
  }),
  figures({
    url: '/stats/languages',
    says: 'Languages of texts, where they are known.',
    tag: 'statistics',
    parameters: { range },
    output: Type.Array(LanguageSchema),
    rangeOf: (values) => values.range,
    show: ({ sourced }) => shown(showLanguages(sourced.snapshot)),
  }),
  ...MORE_OPERATIONS,
]

function relayPage(url: string): Operation {
  return figures({
    url,
    says: 'One relay: its figures, its latency and uptime over time, its log, and what other monitors say of it. `relay` is its URL, percent-encoded.',
    tag: 'statistics',
    parameters: { relay: text(1_024), range },
    inPath: ['relay'],
    output: RelayPageSchema,
    rangeOf: (values) => values.range,
    show: async ({ context, sourced, values }) => {
      const relay: RelayFigures | undefined = findRelay(sourced.snapshot, values.relay)
      if (relay === undefined) {
        return refused({
          code: 'NOT_FOUND',
          text: `${values.relay.slice(0, 100)} is no relay that is known here`,
        })
      }
      const records = await context.relayRecords.of(relay.url, values.range)
      return shown(showRelayPage({ sourced, relay, records }))
    },
  })
}

/** Whole days; without `until` up to now, without `since` 30 days. */
async function windowOf(
  records: RecordsReader | undefined,
  given: { readonly since: number | undefined; readonly until: number | undefined },
  nowSeconds: number,
): Promise<ShownOutcome> {
  const until = Math.ceil((given.until ?? nowSeconds) / SECONDS_PER_DAY) * SECONDS_PER_DAY
  const since = given.since ?? until - 30 * SECONDS_PER_DAY
  const sinceSeconds = Math.floor(since / SECONDS_PER_DAY) * SECONDS_PER_DAY
  const days = (until - sinceSeconds) / SECONDS_PER_DAY
  if (days < 1 || days > MAX_WINDOW_DAYS) {
    return refused({ code: 'BAD_PARAMETER', text: `since must be 1 to ${MAX_WINDOW_DAYS} days before until` })
  }
  if (records === undefined) return refused(notOffered('a window of time'))
  const [found, users] = await Promise.all([
    records.activeDays(sinceSeconds, until),
    records.windowUsers(sinceSeconds, until),
  ])
  return shown(showWindow({ sinceSeconds, untilSeconds: until, days: found, users }))
}

function keysOf<K extends string>(table: Readonly<Record<K, unknown>>): readonly K[] {
  // Of a literal table there are no other keys than its type says.
  return Object.keys(table) as K[]
}
