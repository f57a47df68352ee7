/**
 * Names what `/metrics` says of the rooms behind the relay, as far as this process has them. It is read when asked for,
 * and what is not open yet says nothing.
 */
import type { Config } from './config/index.ts'
import type { createMetricsRegistry, Health } from './platform/index.ts'
import {
  registerBackMetrics,
  registerOfficeMetrics,
  registerServiceMetrics,
  registerSettlementMetrics,
} from './stoa-back-metrics.ts'
import type { NodePlace } from './stoa-back-node.ts'
import type { ObservatoryDesk } from './stoa-observatory-desk.ts'
import type { Office } from './stoa-office.ts'
import type { Services } from './stoa-services.ts'
import type { Shared } from './stoa-shared.ts'

export interface MeasuredRooms {
  readonly config: Config
  readonly metrics: ReturnType<typeof createMetricsRegistry>
  readonly shared: Pick<Shared, 'stats' | 'bus'>
  readonly health: () => Promise<Health>
  /** How many entries each access list has. */
  readonly listSizes: () => Readonly<Record<string, number>>
  /** False where a relay is alone. */
  readonly hasOffice: boolean
  readonly office: () => Office | undefined
  readonly services: () => Services | undefined
  readonly node: Pick<NodePlace, 'room'>
  readonly observatory: ObservatoryDesk | undefined
}

export async function measureBackRooms(rooms: MeasuredRooms): Promise<void> {
  const { config, metrics, shared, health, listSizes, hasOffice, services } = rooms
  registerBackMetrics(metrics, { health, shared: () => shared.stats(), bus: shared.bus, listSizes })
  if (hasOffice) await measureOffice(rooms)
  if (hasOffice && !config.process.roles.includes('jobs')) return
  registerServiceMetrics(metrics, {
    mirrors: () => services()?.mirrors.list() ?? [],
    retention: () => services()?.retention.stats(),
    backups: () => services()?.backups.stats(),
  })
}

/** The code behind each of these is read where there is an office, and not by a relay alone. */
async function measureOffice({ config, metrics, office, node, observatory }: MeasuredRooms): Promise<void> {
  const database = () => office()?.database()
  registerOfficeMetrics(metrics, {
    database: () => database()?.stats(),
    moderation: () => (database() === undefined ? undefined : office()?.moderation().status()),
    audit: () => office()?.audit(),
  })
  const [{ registerJobsMetrics }, { registerLedgerMetrics }] = await Promise.all([
    import('./platform/jobs/index.ts'),
    import('./ledger/index.ts'),
  ])
  registerJobsMetrics(metrics, () => office()?.jobs()?.stats())
  registerLedgerMetrics(metrics, () => office()?.ledger()?.stats())
  if (config.process.roles.includes('ilp')) {
    const { registerNodeMetrics } = await import('./interledger/node/index.ts')
    registerNodeMetrics(metrics, () => node.room?.current())
    registerSettlementMetrics(metrics, () => node.room?.settlementDesk()?.figures())
  }
  if (observatory === undefined) return
  const { registerObservatoryMetrics } = await import('./observatory/index.ts')
  registerObservatoryMetrics(metrics, observatory.figures())
}
