import type { RelayInformationFacts, RelayState } from '../relay-report.ts'

/** What we know of a relay now, as the monitor publishes and compares it. */
export interface MonitoredRelay {
  /** A `ws` or `wss` URL. */
  readonly url: string
  /** It has answered as a relay does, once. */
  readonly isProven: boolean
  readonly state: RelayState
  /** Medians of what was measured lately, in milliseconds. */
  readonly rttOpenMs: number | undefined
  readonly rttReadMs: number | undefined
  /** What the relay says of itself (NIP-11). */
  readonly information: RelayInformationFacts | undefined
}

const ONLINE: ReadonlySet<RelayState> = new Set(['live', 'catching-up', 'polling'])

/** Do we hold a connection to it now? */
export function isOnline({ state }: Pick<MonitoredRelay, 'state'>): boolean {
  return ONLINE.has(state)
}

const DOWN: ReadonlySet<RelayState> = new Set(['waiting', 'refused'])

/** Did the last try fail? Neither this nor online is a relay that is just being connected to. */
export function isDown({ state }: Pick<MonitoredRelay, 'state'>): boolean {
  return DOWN.has(state)
}
