import type { RelayReport } from '../../relay-report.ts'
import { NOW_SECONDS } from './observation.ts'

/** A minute of relay 1, which was connected all the time, unless it is said otherwise. */
export function relayReport(traits: Partial<RelayReport> = {}): RelayReport {
  return {
    relay: 1,
    atSeconds: NOW_SECONDS,
    state: 'live',
    watchedSeconds: 60,
    connectedSeconds: 60,
    openMs: [],
    readMs: [],
    pingMs: [],
    offences: {},
    isProven: true,
    failures: 0,
    nextTrySeconds: 0,
    ...traits,
  }
}
