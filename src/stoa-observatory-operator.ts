/** The observatory as operators have it: how it stands, which relays it watches, its history, alerts, tiers of API keys. */
import type { ObservatoryDesk, WatchAlert } from './console/index.ts'
import { AppError, accepted, type Refusal, refused } from './kernel/index.ts'
import { type AlertRule, type Alerts, OPERATOR } from './observatory/alerts/index.ts'
import { exportHistory } from './observatory/export/index.ts'
import { beginStatisticsAnew } from './observatory/records/index.ts'
import { NOT_READY } from './stoa-audit.ts'
import { type KeyTiersDeps, keyTiers } from './stoa-observatory-key-tiers.ts'
import { type RelaysDeps, watchedRelays } from './stoa-observatory-relays.ts'
import { observatoryFacts, type StandingDeps } from './stoa-observatory-standing.ts'

export type ObservatoryOperatorDeps = StandingDeps &
  RelaysDeps &
  KeyTiersDeps & {
    /** Undefined until the database and the job runner are there. */
    readonly alerts: () => Alerts | undefined
  }

export function observatoryOperator(deps: ObservatoryOperatorDeps): ObservatoryDesk {
  return {
    show: () => observatoryFacts(deps),
    relays: watchedRelays(deps),
    beginAnew: async (by) => {
      const [database, audit] = [deps.office()?.database(), deps.office()?.audit()]
      if (database === undefined || audit === undefined) return NOT_READY
      const isDone = await database.db.transaction().execute(async (tx) => {
        if (!(await beginStatisticsAnew(tx))) return false
        await audit.record(tx, { ...by, action: 'observatory.begun_anew', subject: 'observatory' })
        return true
      })
      return isDone ? accepted(undefined) : refused(CAN_BE_READ)
    },
    exportHistory: async (query) => {
      const database = deps.office()?.database()
      if (database === undefined) return NOT_READY
      try {
        return accepted(await exportHistory(database.db, query))
      } catch (error) {
        // What is in the way is for whoever asked to know: no DuckDB, too many rows, too many exports at a time.
        if (error instanceof AppError && error.code.startsWith('OBSERVATORY_EXPORT_'))
          return refused({ code: 'UNAVAILABLE', text: error.message })
        throw error
      }
    },
    alerts: async () => {
      const alerts = deps.alerts()
      return alerts === undefined ? NOT_READY : accepted((await alerts.rules.list(OPERATOR)).map(alertShown))
    },
    tiers: keyTiers(deps),
  }
}

const CAN_BE_READ: Refusal = {
  code: 'NOT_ALLOWED',
  text: 'the figures can be read back, or nobody has tried yet: nothing was changed',
}

function alertShown(rule: AlertRule): WatchAlert {
  const { id, name, state, sinceSeconds, isPaused, range, condition, channels } = rule
  return {
    id,
    name,
    state,
    sinceAtSeconds: sinceSeconds,
    isPaused,
    range,
    condition: JSON.stringify(condition),
    channels: channels.map(({ type }) => type),
  }
}
