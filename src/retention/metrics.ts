import { Meter, type Registry, type Sample } from '../platform/index.ts'
import type { RetentionStats } from './retention.ts'

/**
 * Names what `/metrics` says of retention. Read when asked for.
 *
 * @param stats undefined while it does not run in this process.
 */
export function registerRetentionMetrics(registry: Registry, stats: () => RetentionStats | undefined): void {
  const meter = new Meter(registry)
  const of = (read: (stats: RetentionStats) => number) => (): number | undefined => {
    const now = stats()
    return now === undefined ? undefined : read(now)
  }
  meter.counters(
    'stoa_retention_removed_total',
    'Events removed by reason: expired (NIP-40), age, count, key-count, disk.',
    ['reason'],
    () => Object.entries(stats()?.removed ?? {}).map(([reason, events]): Sample => [[reason], events]),
  )
  meter.gauge(
    'stoa_retention_running',
    '1 while a pass is under way.',
    of(({ isRunning }) => (isRunning ? 1 : 0)),
  )
  meter.gauge(
    'stoa_retention_examined',
    'Events that the pass under way, or the last one, has looked at.',
    of(({ examined }) => examined),
  )
  meter.counter(
    'stoa_retention_passes_total',
    'Passes that came to their end.',
    of(({ passes }) => passes),
  )
  meter.counter(
    'stoa_retention_failures_total',
    'Passes and sweeps that failed.',
    of(({ failures }) => failures),
  )
  meter.gauge(
    'stoa_retention_pending_bytes',
    'Bytes removed and still on disk, by estimate.',
    of(({ pendingBytes }) => pendingBytes),
  )
  meter.gauge(
    'stoa_retention_last_pass_seconds',
    'Unix time at which the last pass ended; 0 before that.',
    of(({ lastPassAtMs = 0 }) => lastPassAtMs / 1000),
  )
}
