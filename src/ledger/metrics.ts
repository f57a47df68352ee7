import { Meter, type Registry } from '../platform/index.ts'
import type { LedgerStats } from './create-ledger.ts'

/** What the ledger of this process has written. Undefined until it is open. */
export function registerLedgerMetrics(registry: Registry, stats: () => LedgerStats | undefined): void {
  const meter = new Meter(registry)
  meter.counter(
    'stoa_ledger_tasks_total',
    'Transfers and moves of reservations that the ledger wrote by itself, or refused on the way; not those that belong to a transaction of another part, as packets do.',
    () => stats()?.tasks,
  )
  meter.counter('stoa_ledger_commits_total', 'Transactions that they were written in.', () => stats()?.groups)
  meter.counter(
    'stoa_ledger_failed_commits_total',
    'Transactions that were given up.',
    () => stats()?.failedGroups,
  )
  meter.counter('stoa_ledger_repeats_total', 'Transactions that were tried again.', () => stats()?.repeats)
  meter.gauge('stoa_ledger_waiting', 'Work that waits to be written.', () => stats()?.queue.weight)
  meter.gauge('stoa_ledger_waiting_limit', 'Work that may wait.', () => stats()?.queue.limit)
  meter.gauge('stoa_ledger_subscriptions', 'Accounts that somebody listens to.', () => stats()?.subscriptions)
  meter.histogram(
    'stoa_ledger_commit_duration_seconds',
    'How long such a transaction took, with its repeats.',
    () => stats()?.writing,
  )
}
