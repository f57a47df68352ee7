/** What both directions of a synchronisation share: where, what, how much, and the account of it. */
import type { Audience, EventStore } from '../events/index.ts'
import type { Clock } from '../kernel/index.ts'
import { AUTHOR_ONLY_KINDS, type Filter, PRIVATE_KINDS } from '../nostr/index.ts'
import type { Intake, IntakeSource } from './intake.ts'
import { peerFailure } from './peer-failure.ts'
import type { RecentIds } from './recent-ids.ts'
import type { RelayClient } from './relay-client.ts'

export type Direction = 'down' | 'up' | 'both'

/** How far a synchronisation has come, in events. */
export interface SyncTotals {
  /** `negentropy` (NIP-77), or `pages`: REQ after REQ, backwards in time. Undefined until that is known. */
  method: 'negentropy' | 'pages' | undefined
  /** That the other relay has and we lack, as far as it has told. */
  need: number
  /** That we have and the other relay lacks. */
  have: number
  /** Received in the right shape and as asked for; each is then one of the next four. */
  fetched: number
  stored: number
  known: number
  /** By rules of ours; the reasons are in `refusals`. */
  refused: number
  /** Wrong ids or signatures, or nothing that was asked for: dropped. */
  bad: number
  /** Announced by the other relay, and not sent when asked for. */
  missing: number
  uploaded: number
  uploadRefused: number
  /** Not sent because they are protected (NIP-70). */
  withheld: number
  /** Seconds in which the other relay has more events than it sends at once, so that some may be missing here. */
  uncertainSeconds: number
  /** How often each reason was given, by us (`refused`) and by the other relay (`uploadRefused`), by its prefix. */
  readonly refusals: Map<string, number>
}

export function newSyncTotals(): SyncTotals {
  return {
    method: undefined,
    need: 0,
    have: 0,
    fetched: 0,
    stored: 0,
    known: 0,
    refused: 0,
    bad: 0,
    missing: 0,
    uploaded: 0,
    uploadRefused: 0,
    withheld: 0,
    uncertainSeconds: 0,
    refusals: new Map(),
  }
}

/** A synchronisation under way. */
export interface Transfer {
  readonly client: RelayClient
  readonly store: EventStore
  readonly intake: Intake
  readonly source: IntakeSource
  readonly clock: Clock
  readonly totals: SyncTotals
  /** Events that were refused for good before, and are not fetched by their ids again. */
  readonly unwanted: RecentIds
  /** Rubbish that is still put up with. */
  readonly badLeft: { events: number }
  /** Longer events, in characters of their JSON, are not taken. */
  readonly maxEventCharacters: number
  /** Events that only some may read go out too. */
  readonly sharesPrivate: boolean
  /** Waits until so many more events may pass. */
  readonly pace: (events: number) => Promise<void>
  /** Told after each step. */
  readonly onProgress: (totals: SyncTotals) => void
  readonly signal: AbortSignal
}

/** A relay that sends more rubbish than that is not listened to any longer. */
export const MAX_BAD_EVENTS = 1_000

/** Notes that something came which is no use. @throws AppError PEER_FAILED when that has happened too often. */
export function noteBad({ totals, client, badLeft }: Transfer, events: number): void {
  totals.bad += events
  badLeft.events -= events
  if (badLeft.events >= 0) return
  throw peerFailure(
    client.name,
    `sent more than ${MAX_BAD_EVENTS} events that are forged or were not asked for.`,
  )
}

/** Reasons are told apart by their prefix (NIP-01), of which there are few. */
export function noteRefusal({ refusals }: SyncTotals, text: string): void {
  const prefix = /^[a-z-]{1,30}(?=:)/.exec(text)?.[0] ?? 'other'
  refusals.set(prefix, (refusals.get(prefix) ?? 0) + 1)
}

/** Whom the other relay stands for when it is sent something: everybody, unless private events are shared with it. */
export function audienceOf({ sharesPrivate }: Pick<Transfer, 'sharesPrivate'>): Audience | undefined {
  return sharesPrivate ? undefined : EVERYBODY
}

const EVERYBODY: Audience = {
  pubkeys: [],
  privateKinds: PRIVATE_KINDS,
  authorOnlyKinds: AUTHOR_ONLY_KINDS,
  hiddenKinds: [],
}

/** @throws AppError PEER_FAILED when the work was called off. */
export function requireWanted({ signal, client }: Transfer): void {
  if (signal.aborted) throw peerFailure(client.name, 'was left by us.')
}

/** The filter without its window in time, and whether it can be reconciled at all. */
export function refuseFilter({ limit, search }: Filter): string | undefined {
  if (limit !== undefined)
    return 'a filter to synchronise by has no limit: what it means would change while it runs'
  if (search !== undefined) return 'a filter to synchronise by has no search: each relay finds other things'
  return undefined
}
