import type { RelayInformationFacts, RelayState } from '../relay-report.ts'
import type { RelayTimes } from './probe-relay.ts'

/** What we know of a relay now, as the monitor publishes and compares it. */
export interface MonitoredRelay {
  /** A `ws` or `wss` URL. */
  readonly url: string
  /** It has answered as a relay does, once. */
  readonly isProven: boolean
  readonly state: RelayState
  /** Median of what the collector measured lately, in milliseconds. */
  readonly rttReadMs: number | undefined
  /** What the relay says of itself (NIP-11). */
  readonly information: RelayInformationFacts | undefined
}

/** What the probe measured last; where it has no time to read, what the collector has. */
export function timesOf(
  { rttReadMs }: Pick<MonitoredRelay, 'rttReadMs'>,
  probed: RelayTimes | undefined,
): RelayTimes {
  return { ...probed, readMs: probed?.readMs ?? rttReadMs }
}

/** Does it say that anybody may write, and asks for nothing in return? Not so when it says nothing of itself. */
export function isOpenToAll({ information }: Pick<MonitoredRelay, 'information'>): boolean {
  if (information === undefined) return false
  const { needsAuth, needsPayment, needsWork, restrictsWrites } = information
  return !needsAuth && !needsPayment && !needsWork && !restrictsWrites
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
