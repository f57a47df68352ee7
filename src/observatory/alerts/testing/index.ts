import { sql } from 'kysely'
import { pino } from 'pino'
import { createManualClock, type ManualClock } from '../../../kernel/index.ts'
import type { Database } from '../../../platform/database/index.ts'
import { type Jobs, startJobs } from '../../../platform/jobs/index.ts'
import { createSecretBox } from '../../../signer/index.ts'
import { ALERT_QUEUES, type Alerts, type OpenAlertsDeps, openAlerts } from '../index.ts'

export * from './receiver.ts'
export * from './snapshots.ts'

export const NOW = 1_800_000_000
export const ALICE = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
export const BOB = 'c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5'

export const SECRETS = createSecretBox(new Uint8Array(32).fill(5))

export interface TestAlerts {
  readonly alerts: Alerts
  readonly jobs: Jobs
  readonly clock: ManualClock
  stop(): Promise<void>
}

/** Alerts on a real database with a real job runner, which tries again after a second. */
export async function openTestAlerts(
  database: Database,
  deps: Partial<OpenAlertsDeps> = {},
): Promise<TestAlerts> {
  const logger = pino({ level: 'silent' })
  const clock = createManualClock(NOW * 1_000)
  const jobs = await startTestJobs(database)
  const alerts = await openAlerts({
    db: database.db,
    jobs,
    clock,
    logger,
    secrets: SECRETS,
    ...deps,
    fetching: { allowsPrivateAddresses: true, timeoutMs: 5_000, ...deps.fetching },
    limits: { refreshMs: 0, pollSeconds: 0.5, ...deps.limits },
  })
  const stop = async () => {
    await alerts.stop()
    await jobs.stop()
  }
  return { alerts, jobs, clock, stop }
}

/** Leaves the database as no rule, no webhook and no job had ever been in it: quicker than one for each test. */
export async function forgetAlerts({ db }: Database): Promise<void> {
  await sql`TRUNCATE observatory_alert_rules, observatory_webhooks, observatory_deliveries, observatory_alert_history,
    observatory_alert_samples, observatory_alert_relays`.execute(db)
  await sql`DELETE FROM pgboss.job`.execute(db)
}

const QUICK = { retryDelaySeconds: 1, retryDelayMaxSeconds: 1 }

export function startTestJobs(database: Database): Promise<Jobs> {
  return startJobs({
    database,
    logger: pino({ level: 'silent' }),
    // What a killed worker had under way counts as lost after this.
    queues: ALERT_QUEUES.map((queue) => ({ ...queue, ...QUICK, heartbeatSeconds: 10 })),
    supervise: true,
    superviseIntervalSeconds: 1,
  })
}
