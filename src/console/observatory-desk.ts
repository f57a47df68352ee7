/** The observatory as operators have it: how it stands, its relays, its history as files, its alerts, tiers of API keys. */
import type { Readable } from 'node:stream'
import type { Actor, Answer } from './operator.ts'

export const WATCHED_STATES = [
  'candidate',
  'connecting',
  'catching-up',
  'live',
  'polling',
  'waiting',
  'refused',
] as const
export type WatchedState = (typeof WATCHED_STATES)[number]

/** What can be exported. The composition root, which joins the two, has the compiler hold them to the observatory's own. */
export const HISTORY_SUBJECTS = [
  'relay-events',
  'network-events',
  'relay-hours',
  'active-users',
  'clients',
  'snapshots',
] as const
export const HISTORY_FORMATS = ['csv', 'json', 'parquet'] as const

export interface HistoryQuery {
  readonly what: (typeof HISTORY_SUBJECTS)[number]
  readonly format: (typeof HISTORY_FORMATS)[number]
  /** From this second on, and up to and without that one; absent: without a bound. */
  readonly sinceSeconds?: number
  readonly untilSeconds?: number
}

export interface ObservatoryDesk {
  show(): Promise<ObservatoryFacts>
  readonly relays: {
    /** By address. */
    list(query: WatchedRelayQuery): Answer<readonly WatchedRelay[]>
    /** @param url in any spelling; the answer has the one that it goes by. */
    add(url: string, by: Actor): Answer<{ readonly url: string; readonly isNew: boolean }>
    /** It is left at once, by every collector, and never connected to until it is allowed. */
    refuse(
      url: string,
      refusal: { readonly why: string; readonly by: Actor },
    ): Answer<{ readonly url: string }>
    allow(url: string, by: Actor): Answer<{ readonly url: string }>
  }
  /** The figures begin at nothing, where they cannot be read back any more; refused where they can. */
  beginAnew(by: Actor): Answer<unknown>
  exportHistory(query: HistoryQuery): Answer<Readable>
  /** The alerts that the operator has set up, the oldest first. */
  alerts(): Answer<readonly WatchAlert[]>
  readonly tiers: {
    show(keyId: string): Answer<KeySubscription>
    /** Its owner pays this month, and is charged each month from now on. */
    subscribe(
      subscription: { readonly keyId: string; readonly tier: string },
      by: Actor,
    ): Answer<{ readonly tier: string; readonly fromMonth: string }>
    /** What was paid is had to the end of its month. */
    end(keyId: string, by: Actor): Answer<unknown>
  }
}

export interface ObservatoryFacts {
  readonly watch: 'own' | 'network'
  readonly region: string
  /** Of this process: `keeping` (collects, and keeps the figures), `collecting`, `reading`, `starting`, `restarting`. */
  readonly state: string
  /** Why it is in that state, where something is wrong. */
  readonly reason?: string
  readonly isKeeper: boolean
  /** Some process keeps the figures, this one or another. */
  readonly hasKeeper: boolean
  /** The figures as anybody is shown them from here; absent while there are none. */
  readonly figures?: {
    /** `engine`: this process; `cache`: another one, by the bus; `database`: the newest snapshot. */
    readonly from: string
    readonly atSeconds: number
    readonly relaysProven: number
    readonly relaysWatched: number
    readonly relaysConnected: number
    readonly relaysCandidate: number
    readonly events24h: number
    readonly observedAtSeconds?: number
  }
  /** When the figures were written to the database last. */
  readonly snapshotAtSeconds?: number
  /** Of this process; absent while it collects nothing. */
  readonly collector?: Readonly<Record<string, number>>
  readonly delivery?: Readonly<Record<string, number | string | boolean>>
  /** Deliveries in the database that are not counted yet, or cannot be. */
  readonly waitingBatches: number
  readonly setAsideBatches: number
  /** Why the figures cannot be read back, and are kept by nobody until an operator does something. */
  readonly unreadableState?: string
  /** When a checkpoint of the figures was found damaged last, and the one before it served. */
  readonly checkpointSetAsideAtSeconds?: number
  /** What relays of this process's share did wrong since it started, by what. */
  readonly offences: Readonly<Record<string, number>>
  /** Who has delivered in the last minutes. */
  readonly collectors: readonly {
    readonly name: string
    readonly region: string
    readonly deliveredAtSeconds: number
  }[]
}

export interface WatchedRelayQuery {
  /** Part of the address. */
  readonly text?: string
  readonly state?: WatchedState
  readonly isRefused?: boolean
  /** The last address of the page before. */
  readonly after?: string
  readonly limit?: number
}

export interface WatchedRelay {
  readonly url: string
  readonly state: WatchedState
  readonly reason?: string
  readonly isProven: boolean
  /** How the observatory came to know of it. */
  readonly origin: string
  /** Tries in a row that came to nothing. */
  readonly failures: number
  /** Absent while it is connected or may be tried at once. */
  readonly nextTryAtSeconds?: number
  readonly reportedAtSeconds?: number
  readonly events24h: number
  readonly refusedBy?: string
  readonly refusedWhy?: string
  readonly refusedAtSeconds?: number
}

export interface WatchAlert {
  readonly id: string
  readonly name: string
  readonly state: 'quiet' | 'firing'
  readonly sinceAtSeconds: number
  readonly isPaused: boolean
  readonly range: string
  /** As JSON. */
  readonly condition: string
  /** How people are told: `webhook`, `email`, `nostr`. */
  readonly channels: readonly string[]
}

/** What an API key may ask, and who pays for it. */
export interface KeySubscription {
  readonly keyId: string
  readonly keyName: string
  /** Whose relay credit pays; absent for an account that no key is linked to. */
  readonly owner?: string
  readonly isRevoked: boolean
  /** What it has now. */
  readonly tier: string
  readonly requestsPer15Minutes: number
  /** Absent: it never had one. */
  readonly subscription?: {
    readonly tier: string
    readonly state: string
    readonly paidTier?: string
    readonly paidMonth?: string
  }
}
