/** What the tables know, as the API asks for it. */
import type { RecordsReader } from './observatory/api/index.ts'
import type { Monitor } from './observatory/monitor/index.ts'
import {
  activeDays,
  type Db,
  relayHistory,
  relayLogs,
  relayNumber,
  windowUsers,
} from './observatory/records/index.ts'

export function recordsReader(db: Db, monitor: Pick<Monitor, 'monitorsOf'>): RecordsReader {
  return {
    relayHistory: async (url, range, nowSeconds) => {
      const relay = await relayNumber(db, url)
      return relay === undefined ? [] : relayHistory(db, relay, range, nowSeconds)
    },
    relayLogs: async (url, limit) => {
      const relay = await relayNumber(db, url)
      return relay === undefined ? [] : relayLogs(db, relay, limit)
    },
    monitors: (url) => monitor.monitorsOf(url),
    activeDays: (since, until) => activeDays(db, since, until),
    windowUsers: (since, until) => windowUsers(db, since, until),
  }
}
