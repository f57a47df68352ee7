import { Gauge } from 'prom-client'
import type { Registry } from '../platform/index.ts'
import type { BackupStats } from './backups.ts'

/** Names what `/metrics` says of backups. Read when asked for. */
export function registerBackupMetrics(registry: Registry, stats: () => BackupStats): void {
  const add = (name: string, help: string, read: (stats: BackupStats) => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(stats()))
      },
    })
  }
  add('stoa_backup_running', '1 while a backup is being made.', ({ isRunning }) => (isRunning ? 1 : 0))
  add('stoa_backup_events', 'Events that the backup under way has dealt with.', ({ events }) => events)
  add('stoa_backup_made_total', 'Backups made.', ({ made }) => made)
  add('stoa_backup_failed_total', 'Backups that failed.', ({ failed }) => failed)
  add(
    'stoa_backup_last_seconds',
    'Unix time of the newest whole backup; 0 when there is none.',
    ({ lastAtMs = 0 }) => lastAtMs / 1000,
  )
}
