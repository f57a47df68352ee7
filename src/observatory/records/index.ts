/** The door of what the observatory has in PostgreSQL: relays, deliveries, the keeper, snapshots, history. */
export { type ActiveDay, activeDays, windowUsers } from './active-days.ts'
export { beginStatisticsAnew } from './begin-anew.ts'
export type { Engine, EngineFactory } from './engine.ts'
export { fingerprintsKeptDays } from './first-day.ts'
export { openKeeper } from './keeper.ts'
export type { Keeper, KeeperDeps, KeeperSettings, KeeperState, KeeperStats } from './kept-figures.ts'
export {
  addRelay,
  allowRelay,
  type ListedRelay,
  listRelays,
  type RelayQuery,
  refuseRelay,
} from './relay-choices.ts'
export { relayHistory, relayLogs, relayNumber } from './relay-history.ts'
export { decodeSnapshot, encodeSnapshot } from './snapshot-codec.ts'
export { latestSnapshot, type TakenSnapshot } from './snapshots.ts'
export { readStanding, type Standing } from './standing.ts'
export { tableDirectory } from './table-directory.ts'
export { tableSink } from './table-sink.ts'
export type { Db, Tx } from './tables.ts'
