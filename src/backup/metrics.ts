import { Meter, type Registry } from '../platform/index.ts'
import type { BackupStats } from './backups.ts'

/**
 * Names what `/metrics` says of backups. Read when asked for.
 *
 * @param stats undefined while none are made by this process.
 */
export function registerBackupMetrics(registry: Registry, stats: () => BackupStats | undefined): void {
  const meter = new Meter(registry)
  const of = (read: (stats: BackupStats) => number) => (): number | undefined => {
    const now = stats()
    return now === undefined ? undefined : read(now)
  }
  meter.gauge(
    'stoa_backup_running',
    '1 while a backup is being made.',
    of(({ isRunning }) => (isRunning ? 1 : 0)),
  )
  meter.gauge(
    'stoa_backup_events',
    'Events that the backup under way has dealt with.',
    of(({ events }) => events),
  )
  meter.counter(
    'stoa_backup_made_total',
    'Backups made.',
    of(({ made }) => made),
  )
  meter.counter(
    'stoa_backup_failed_total',
    'Backups that failed.',
    of(({ failed }) => failed),
  )
  meter.gauge(
    'stoa_backup_last_seconds',
    'Unix time of the newest whole backup; 0 when there is none.',
    of(({ lastAtMs = 0 }) => lastAtMs / 1000),
  )
}
