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
  const asking = new Map<string, Promise<number | undefined>>()
  /** A page asks for its relay twice at once; the table is asked once. */
  const numberOf = (url: string): Promise<number | undefined> => {
    const asked = asking.get(url) ?? relayNumber(db, url).finally(() => asking.delete(url))
    asking.set(url, asked)
    return asked
  }
  return {
    relayHistory: async (url, range, nowSeconds) => {
      const relay = await numberOf(url)
      return relay === undefined ? [] : relayHistory(db, relay, range, nowSeconds)
    },
    relayLogs: async (url, limit) => {
      const relay = await numberOf(url)
      return relay === undefined ? [] : relayLogs(db, relay, limit)
    },
    monitors: (url) => monitor.monitorsOf(url),
    activeDays: (since, until) => activeDays(db, since, until),
    windowUsers: (since, until) => windowUsers(db, since, until),
  }
}
