/** What the observatory's API is made of: figures, tables, recommendations, spam scores, tiers, limits. */
import packageJson from '../package.json' with { type: 'json' }
import type { Config } from './config/index.ts'
import { AppError, systemClock } from './kernel/index.ts'
import type { ObservatoryApiDeps, ServiceState } from './observatory/api/index.ts'
import { exportHistory } from './observatory/export/index.ts'
import type { StatisticsSource } from './observatory/index.ts'
import { openRecommendations } from './observatory/recommendations/index.ts'
import type { Database } from './platform/database/index.ts'
import type { Logger } from './platform/index.ts'
import { explainSpam, SURELY_SPAM, spamProbability } from './spam/index.ts'
import { addressReader } from './stoa-client-address.ts'
import { brandOf } from './stoa-observatory-options.ts'
import type { ObservatoryParts } from './stoa-observatory-parts.ts'
import { recordsReader } from './stoa-observatory-records.ts'
import type { Office } from './stoa-office.ts'
import { findEvents } from './stoa-publish.ts'
import type { RelayUnit } from './stoa-relay.ts'
import type { Shared } from './stoa-shared.ts'

interface ApiPorts {
  readonly config: () => Config
  readonly office: () => Office | undefined
  readonly unit: () => RelayUnit
  readonly shared: Shared
  readonly source: StatisticsSource
  readonly parts: Pick<ObservatoryParts, 'tiers' | 'monitor'>
  /** Told the status of each answer. */
  readonly onAnswered: (status: number) => void
  readonly logger: Logger
}

export function observatoryApiDeps(ports: ApiPorts): ObservatoryApiDeps {
  const { config, office, unit, shared, source, parts, onAnswered, logger } = ports
  const recommendations = openRecommendations({
    find: (filter) => findEvents(unit(), filter),
    source,
    clock: systemClock,
  })
  const database = () => office()?.database()
  return {
    source,
    records: () => {
      const ready = database()
      const { monitor } = parts
      return ready === undefined || monitor === undefined ? undefined : recordsReader(ready.db, monitor)
    },
    exportHistory: async (query) => exportHistory(requireReady(database()).db, query),
    recommend: (pubkey) => recommendations.recommend(pubkey),
    spamScore: (text) => {
      const probability = spamProbability(text)
      return {
        probability,
        isSpam: probability >= SURELY_SPAM,
        signs: explainSpam(text).map(({ feature }) => feature),
      }
    },
    keys: () => office()?.people()?.accounts,
    tiers: () => parts.tiers,
    addressLimit: config().observatory.api.requestsPer15Minutes,
    rates: shared.bus,
    brand: () => brandOf(config()),
    clock: systemClock,
    addressOf: addressReader(config()),
    health: async () => ({
      database: (await database()?.health())?.status === 'ok' ? 'ok' : 'failed',
      redis: redisState(shared),
    }),
    logger,
    version: packageJson.version,
    onAnswered,
  }
}

/** How many answers there were, by what they were; for `/metrics`. */
export function countAnswers() {
  const counts = { answered: 0, unchanged: 0, refused: 0, limited: 0, failed: 0 }
  return {
    counts,
    note: (status: number): void => {
      counts[answerOf(status)]++
    },
  }
}

function answerOf(status: number): 'answered' | 'unchanged' | 'refused' | 'limited' | 'failed' {
  if (status === 304) return 'unchanged'
  if (status === 429) return 'limited'
  if (status >= 500) return 'failed'
  return status >= 400 ? 'refused' : 'answered'
}

function redisState({ bus }: Pick<Shared, 'bus'>): ServiceState {
  const { kind, state } = bus.status()
  if (kind === 'memory') return 'off'
  return state === 'ok' ? 'ok' : 'failed'
}

function requireReady(database: Database | undefined): Database {
  if (database === undefined) throw new AppError('DATABASE_UNREACHABLE', 'The database is not ready yet.')
  return database
}
