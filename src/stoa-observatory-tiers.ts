/** The tiers of API keys: paid from relay credit in the office's ledger, by the process that does jobs. */
import type { Config } from './config/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import { type ApiTiers, monthOf, openApiTiers } from './observatory/api/index.ts'
import type { Database } from './platform/database/index.ts'
import type { Logger } from './platform/index.ts'
import type { Endings } from './stoa-endings.ts'
import { tierOf } from './stoa-observatory-options.ts'
import type { Office } from './stoa-office.ts'

export interface TiersDeps {
  readonly config: () => Pick<Config, 'observatory' | 'process'>
  readonly office: Pick<Office, 'ledger' | 'people'>
  readonly logger: Logger
}

/** Often enough that a month is paid in its first hour; what is paid is not charged again. */
const CHARGE_INTERVAL_MS = 3_600_000

/** @throws AppError INTERNAL before the ledger is open. */
export function startTiers({ db }: Database, deps: TiersDeps, endings: Endings): ApiTiers {
  const { config, office, logger } = deps
  const ledger = office.ledger()
  if (ledger === undefined) throw new AppError('INTERNAL', 'The tiers are opened before the ledger.')
  const tiers = openApiTiers({
    db,
    ledger,
    clock: systemClock,
    logger,
    settings: { tiers: config().observatory.api.tiers.map(tierOf) },
    liveKeys: async (keyIds) => {
      const accounts = office.people()?.accounts
      return accounts === undefined ? new Set(keyIds) : accounts.liveApiKeys(keyIds)
    },
  })
  tiers.start()
  endings.add(() => tiers.stop())
  if (config().process.roles.includes('jobs')) startCharging(tiers, logger, endings)
  return tiers
}

function startCharging(tiers: ApiTiers, logger: Logger, endings: Endings): void {
  const charge = (): void =>
    void tiers
      .charge(monthOf(systemClock.nowSeconds()))
      .catch((err: unknown) => logger.warn({ err }, 'observatory.tiers_not_charged'))
  charge()
  const charging = setInterval(charge, CHARGE_INTERVAL_MS)
  charging.unref()
  endings.add(() => clearInterval(charging))
}
