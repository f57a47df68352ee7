/** What an observatory must come to, counted in the plainest way: sets over what the relays were given. */
import type { NostrEvent } from '../../../src/nostr/index.ts'
import type { FullBody } from '../../../src/observatory/api/index.ts'
import type { Snapshot } from '../../../src/observatory/index.ts'

/** What is the same whichever way it was counted; of users and relays only how many. */
export interface Figures {
  readonly events: number
  readonly users: number
  readonly kinds: Readonly<Record<string, number>>
  readonly relays: Readonly<Record<string, RelayFigures>>
}

export interface RelayFigures {
  readonly events: number
  readonly users: number
  readonly kinds: Readonly<Record<string, number>>
}

/** Kinds that are counted when the configuration says nothing else. */
const DEFAULT_KINDS: readonly number[] = [0, 1, 3, 7, 9735, 30023, 10002]
/** Their authors are made for one event and thrown away (NIP-EE, NIP-59). */
const THROWAWAY_KINDS: ReadonlySet<number> = new Set([445, 1059])

export class PlainCount {
  readonly #isCounted: (kind: number) => boolean
  readonly #all = new Map<string, NostrEvent>()
  readonly #byRelay = new Map<string, Map<string, NostrEvent>>()

  constructor(kinds: readonly number[] | 'all' = DEFAULT_KINDS) {
    this.#isCounted = (kind) => kinds === 'all' || kinds.includes(kind)
  }

  /** These relays have the event. Without any it is somewhere else, and counts once. */
  give(event: NostrEvent, urls: readonly string[]): void {
    if (!this.#isCounted(event.kind)) return
    this.#all.set(event.id, event)
    for (const url of urls) {
      const events = this.#byRelay.get(url) ?? new Map<string, NostrEvent>()
      this.#byRelay.set(url, events.set(event.id, event))
    }
  }

  figures(): Figures {
    const relays = [...this.#byRelay].map(([url, events]) => [url, figuresOf(events)] as const)
    return { ...figuresOf(this.#all), relays: Object.fromEntries(relays) }
  }
}

function figuresOf(events: ReadonlyMap<string, NostrEvent>): RelayFigures {
  const kinds: Record<string, number> = {}
  for (const { kind } of events.values()) kinds[kind] = (kinds[kind] ?? 0) + 1
  const byUsers = [...events.values()].filter(({ kind }) => !THROWAWAY_KINDS.has(kind))
  const users = new Set(byUsers.map(({ pubkey }) => pubkey))
  return { events: events.size, users: users.size, kinds }
}

/** The same out of `/api/v1/stats/full/all`: of these relays; those without an event are left out. */
export function shownFigures({ overview, events, relays }: FullBody, urls: Iterable<string>): Figures {
  const wanted = new Set(urls)
  const shown = relays.filter((relay) => wanted.has(relay.url) && relay.events > 0)
  return {
    events: overview.total_events,
    users: overview.unique_authors,
    kinds: events.distribution.by_kind,
    relays: Object.fromEntries(
      shown.map((relay) => [
        relay.url,
        { events: relay.events, users: relay.active_users.count, kinds: relay.kind_distribution },
      ]),
    ),
  }
}

/** The same as the engine has it. */
export function snapshotFigures(snapshot: Snapshot, urls: Iterable<string>): Figures {
  const wanted = new Set(urls)
  const shown = snapshot.relays.filter(({ url, events }) => wanted.has(url) && events > 0)
  const relays = shown.map((relay) => [relay.url, plain(relay, relay.kinds)] as const)
  return { ...plain(snapshot, snapshot.byKind), relays: Object.fromEntries(relays) }
}

function plain(
  { events, users }: Pick<Snapshot, 'events' | 'users'>,
  kinds: Snapshot['byKind'],
): RelayFigures {
  const byKind = Object.fromEntries(kinds.map((one) => [one.kind, one.events]))
  return { events, users: users.count, kinds: byKind }
}
