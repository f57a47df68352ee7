/** The figures of a snapshot that a rule may name: a closed list, written as paths. */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { LANGUAGES } from '../languages.ts'
import { OFFENCES } from '../relay-report.ts'
import type { ClientFigures, RelayFigures, Snapshot } from '../snapshot.ts'

/** Amounts are `bigint`; undefined where nothing was measured, or nothing of that name is there. */
export type Reading = number | bigint | undefined

/** A figure, found in any snapshot. `path` is its one spelling. */
export interface Figure {
  readonly path: string
  read(snapshot: IndexedSnapshot): Reading
}

/** A snapshot and its relays by `relayKey`, so that each rule need not walk over all of them. */
export interface IndexedSnapshot {
  readonly snapshot: Snapshot
  relay(key: string): RelayFigures | undefined
}

const NETWORK: Readonly<Record<string, (snapshot: Snapshot) => Reading>> = {
  events: ({ events }) => events,
  users: ({ users }) => users.count,
  newUsers: ({ newUsers }) => newUsers.count,
  returningUsers: ({ returningUsers }) => returningUsers.count,
  activeRelays: ({ activeRelays }) => activeRelays,
  latencyP50Ms: ({ latencyP50Ms }) => latencyP50Ms,
  latencyP95Ms: ({ latencyP95Ms }) => latencyP95Ms,
  averageLatencyMs: ({ averageLatencyMs }) => averageLatencyMs,
  taggedEvents: ({ taggedEvents }) => taggedEvents,
  'zaps.count': ({ zaps }) => zaps.count,
  'zaps.msat': ({ zaps }) => zaps.msat,
  'zaps.checkedCount': ({ zaps }) => zaps.checkedCount,
  'zaps.checkedMsat': ({ zaps }) => zaps.checkedMsat,
  'longForm.events': ({ longForm }) => longForm.events,
  'longForm.users': ({ longForm }) => longForm.users.count,
  'coverage.relaysKnown': ({ coverage }) => coverage.relaysKnown,
  'coverage.relaysWatched': ({ coverage }) => coverage.relaysWatched,
  'coverage.relaysConnected': ({ coverage }) => coverage.relaysConnected,
  'coverage.relaysCandidate': ({ coverage }) => coverage.relaysCandidate,
  'coverage.futureDated': ({ coverage }) => coverage.futureDated,
  'coverage.absurdlyDated': ({ coverage }) => coverage.absurdlyDated,
  'coverage.repeated': ({ coverage }) => coverage.repeated,
}

const RELAY: Readonly<Record<string, (relay: RelayFigures) => Reading>> = {
  events: ({ events }) => events,
  users: ({ users }) => users.count,
  latencyP50Ms: ({ latencyP50Ms }) => latencyP50Ms,
  latencyP95Ms: ({ latencyP95Ms }) => latencyP95Ms,
  uptime: ({ uptime }) => uptime,
  healthScore: ({ healthScore }) => healthScore,
  ...Object.fromEntries(
    OFFENCES.map((offence) => [`offences.${offence}`, (relay: RelayFigures) => relay.offences[offence] ?? 0]),
  ),
}

const CLIENT: Readonly<Record<string, (client: ClientFigures) => Reading>> = {
  events: ({ events }) => events,
  users: ({ users }) => users.count,
}

/** All paths, with `…` where a name stands; for documentation and errors. */
export const FIGURE_PATHS: readonly string[] = [
  ...Object.keys(NETWORK),
  'kinds[<kind>].events',
  'languages[<language>].events',
  ...Object.keys(CLIENT).map((name) => `clients[<name>].${name}`),
  ...Object.keys(RELAY).map((name) => `relays[<wss://…>].${name}`),
]

const MAX_PATH_CHARACTERS = 600
const MAX_KIND = 65_535

/** Reads the path of a figure. The refusal says what it may be. */
export function parseFigure(path: string): Outcome<Figure, string> {
  if (path.length > MAX_PATH_CHARACTERS)
    return refused(`a figure has at most ${MAX_PATH_CHARACTERS} characters`)
  const network = own(NETWORK, path)
  if (network !== undefined) return accepted({ path, read: ({ snapshot }) => network(snapshot) })
  const [, list = '', name = '', rest = ''] = /^([a-z]+)\[(.+)\]\.([A-Za-z0-9.-]+)$/.exec(path) ?? []
  if (list === 'relays') return relayFigure(name, rest)
  if (list === 'clients') return clientFigure(name, rest)
  if (list === 'kinds' && rest === 'events') return kindFigure(name)
  if (list === 'languages' && rest === 'events') return languageFigure(name)
  return refused(`there is no figure ${JSON.stringify(path)}; it is one of ${FIGURE_PATHS.join(', ')}`)
}

function relayFigure(url: string, name: string): Outcome<Figure, string> {
  const key = relayKey(url)
  if (key === undefined)
    return refused(`${JSON.stringify(url)} is no address of a relay, like wss://relay.example`)
  const read = own(RELAY, name)
  if (read === undefined) return refused(noSuch(`relays[${url}]`, name, RELAY))
  return accepted({
    path: `relays[${key}].${name}`,
    read: (snapshot) => {
      const relay = snapshot.relay(key)
      return relay === undefined ? undefined : read(relay)
    },
  })
}

function clientFigure(client: string, name: string): Outcome<Figure, string> {
  const read = own(CLIENT, name)
  if (read === undefined) return refused(noSuch(`clients[${client}]`, name, CLIENT))
  return accepted({
    path: `clients[${client}].${name}`,
    // Whoever has written nothing in the range is not in the list: that is none.
    read: ({ snapshot }) => {
      const found = snapshot.clients.find((one) => one.name === client)
      return found === undefined ? 0 : read(found)
    },
  })
}

function kindFigure(text: string): Outcome<Figure, string> {
  const kind = Number(text)
  if (!Number.isInteger(kind) || kind < 0 || kind > MAX_KIND || String(kind) !== text) {
    return refused(`${JSON.stringify(text)} is no kind; it is a number from 0 to ${MAX_KIND}`)
  }
  return accepted({
    path: `kinds[${kind}].events`,
    read: ({ snapshot }) => snapshot.byKind.find((one) => one.kind === kind)?.events ?? 0,
  })
}

function languageFigure(language: string): Outcome<Figure, string> {
  if (!LANGUAGES.some((known) => known === language)) {
    return refused(`${JSON.stringify(language)} is not one of the languages ${LANGUAGES.slice(1).join(', ')}`)
  }
  return accepted({
    path: `languages[${language}].events`,
    read: ({ snapshot }) => snapshot.languages.find((one) => one.language === language)?.events ?? 0,
  })
}

/** How a relay is told from others: its URL as WHATWG spells it, without slashes at the end; undefined when it is none. */
export function relayKey(url: string): string | undefined {
  const parsed = URL.parse(url)
  if (parsed === null || (parsed.protocol !== 'wss:' && parsed.protocol !== 'ws:')) return undefined
  if (parsed.hostname === '' || parsed.username !== '' || parsed.password !== '' || parsed.hash !== '') {
    return undefined
  }
  return withoutSlashes(parsed.href)
}

/** Relays are put in order when the first is asked for. */
export function indexSnapshot(snapshot: Snapshot): IndexedSnapshot {
  let byKey: ReadonlyMap<string, RelayFigures> | undefined
  return {
    snapshot,
    relay: (key) => {
      byKey ??= new Map(snapshot.relays.map((relay) => [withoutSlashes(relay.url), relay]))
      return byKey.get(key)
    },
  }
}

function withoutSlashes(url: string): string {
  let end = url.length
  while (url[end - 1] === '/') end -= 1
  return url.slice(0, end)
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

function noSuch(of: string, name: string, table: Readonly<Record<string, unknown>>): string {
  return `${of} has no figure ${JSON.stringify(name)}; it is one of ${Object.keys(table).join(', ')}`
}
