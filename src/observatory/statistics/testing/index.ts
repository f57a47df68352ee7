/** For tests of any part of the observatory: observations, reports, and streams of them. */
export { batchOf, fingerprintOf, NOW_SECONDS, type ObservationTraits, observation } from './observation.ts'
export { randomNumbers, randomStream, type StreamShape } from './random-stream.ts'
export { relayReport } from './relay-report.ts'
