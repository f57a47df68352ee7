import { Gauge } from 'prom-client'
import type { Registry } from '../platform/index.ts'
import type { RetentionStats } from './retention.ts'

/** Names what `/metrics` says of retention. Read when asked for. */
export function registerRetentionMetrics(registry: Registry, stats: () => RetentionStats): void {
  const add = (name: string, help: string, read: (stats: RetentionStats) => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(stats()))
      },
    })
  }
  new Gauge({
    name: 'stoa_retention_removed_total',
    help: 'Events removed by reason: expired (NIP-40), age, count, key-count, disk.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      for (const [reason, events] of Object.entries(stats().removed)) this.set({ reason }, events)
    },
  })
  add('stoa_retention_running', '1 while a pass is under way.', ({ isRunning }) => (isRunning ? 1 : 0))
  add(
    'stoa_retention_examined',
    'Events that the pass under way, or the last one, has looked at.',
    (now) => now.examined,
  )
  add('stoa_retention_passes_total', 'Passes that came to their end.', (now) => now.passes)
  add('stoa_retention_failures_total', 'Passes and sweeps that failed.', (now) => now.failures)
  add(
    'stoa_retention_pending_bytes',
    'Bytes removed and still on disk, by estimate.',
    (now) => now.pendingBytes,
  )
  add(
    'stoa_retention_last_pass_seconds',
    'Unix time at which the last pass ended; 0 before that.',
    ({ lastPassAtMs = 0 }) => lastPassAtMs / 1000,
  )
}
