/** The door of what every part may use: log, metrics, HTTP. */
export {
  type ComponentHealth,
  createHttpServer,
  type Health,
  type HttpServer,
  type HttpServerDeps,
  type UpgradeHandler,
} from './http.ts'
export { proxyToSocket, proxyUpgradeToSocket } from './http-proxy.ts'
export { createLogger, type Logger, type LoggingOptions } from './logging.ts'
export {
  createMetricsRegistry,
  describeMetrics,
  keptFor,
  METRIC_LOOK_MS,
  Meter,
  type MetricDescription,
  oncePerTurn,
  type Reading,
  type Registry,
  type Sample,
} from './metrics.ts'
export { readFileIfThere } from './read-file-if-there.ts'
export { createSignatureVerifier } from './signatures/create-verifier.ts'
export type { SignatureVerifier, VerifierChoice } from './signatures/verifier.ts'
export { writeFileWhole } from './write-file-whole.ts'
