/** The door: this observatory as a monitor of relays (NIP-66), and what other monitors say. */
export { disagreementsOf, type MonitorFacts } from './disagreements.ts'
export {
  type Monitor,
  type MonitorCounters,
  type MonitorDeps,
  type MonitorSettings,
  openMonitor,
} from './monitor.ts'
export type { MonitoredRelay } from './monitored-relay.ts'
