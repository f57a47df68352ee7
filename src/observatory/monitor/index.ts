/** The door: this observatory as a monitor of relays (NIP-66), and what other monitors say. */
export { disagreementsOf, type MonitorFacts, type OurFacts } from './disagreements.ts'
export {
  type Monitor,
  type MonitorCounters,
  type MonitorDeps,
  openMonitor,
} from './monitor.ts'
export type { MonitoredRelay } from './monitored-relay.ts'
export {
  createRelayProbe,
  PROBE_TIMEOUT_MS,
  type RelayProbe,
  type RelayProbeDeps,
  type RelayTimes,
} from './probe-relay.ts'
export type { MonitorSettings } from './relay-publisher.ts'
export { MAX_TALK_MESSAGE_BYTES, type WebSocketLike } from './relay-talk.ts'
