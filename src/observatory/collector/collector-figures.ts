/** What a collector offers, and how it says that it stands. */
import {
  OFFENCES,
  type Offence,
  type RelayCursor,
  type RelayReport,
  type RelayState,
} from '../relay-report.ts'
import type { KnownRelay } from './known-relay.ts'

/** A relay, for health and console. */
export interface RelayStatus {
  readonly relay: number
  readonly url: string
  readonly state: RelayState
  readonly reason: string | undefined
  readonly isProven: boolean
  readonly failures: number
  readonly nextTrySeconds: number
  readonly cursor: RelayCursor
  readonly pingMs: number | undefined
  /** Since the collector was opened. */
  readonly offences: Readonly<Partial<Record<Offence, number>>>
}

/** Plain numbers. */
export interface CollectorStats {
  readonly known: number
  /** Known ones that are this collector's to read. */
  readonly share: number
  readonly connected: number
  readonly connecting: number
  readonly waiting: number
  readonly candidates: number
  readonly refused: number
  /** Since the collector was opened; of EVENT messages. */
  readonly messages: number
  readonly bytes: number
  /** Seconds of which relays may have more than they send at once. */
  readonly uncertainSeconds: number
  readonly offences: Readonly<Record<Offence, number>>
  /** How often our own network was away since the collector was opened, as far as relays tell. */
  readonly ownOutages: number
  /** Since when it is away, in seconds since 1970; undefined while it is there. */
  readonly ownOutageSince: number | undefined
}

export interface Collector {
  /**
   * What changed since the last call; to be called about once a second, before what the intake holds is delivered. A
   * cursor in it covers only events that were given to the intake before.
   */
  takeReports(): readonly RelayReport[]
  relays(): readonly RelayStatus[]
  stats(): CollectorStats
  /** The directory has changed: it is read now, and not within minutes. What an operator refused is left. */
  look(): void
  /** Leaves all relays. What is still to be reported can be taken afterwards. */
  stop(): Promise<void>
}

export function statusOf({ entry, watch, state, isProven, failures }: KnownRelay): RelayStatus {
  return {
    relay: entry.relay,
    url: entry.url,
    state,
    reason: watch?.reason,
    isProven,
    failures,
    nextTrySeconds: watch === undefined ? entry.nextTrySeconds : Math.ceil(watch.nextTryMs / 1_000),
    cursor: watch?.cursor ?? entry.cursor,
    pingMs: watch?.lastPingMs,
    offences: Object.fromEntries(watch?.offences ?? []),
  }
}

/** @param before of relays that are not watched any more. */
export function offenceTotals(
  relays: readonly KnownRelay[],
  before: ReadonlyMap<Offence, number>,
): Readonly<Record<Offence, number>> {
  const totals = new Map(before)
  for (const { watch } of relays) {
    if (watch === undefined) continue
    for (const [offence, count] of watch.offences) totals.set(offence, (totals.get(offence) ?? 0) + count)
  }
  const rows = OFFENCES.map((offence) => [offence, totals.get(offence) ?? 0])
  return Object.fromEntries(rows)
}
