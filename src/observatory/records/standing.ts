/** How the observatory stands, whoever asks and whichever process does what: as the database alone can tell. */
import { sql } from 'kysely'
import { ADVISORY_LOCKS } from '../../platform/database/index.ts'
import type { Db } from './tables.ts'

export interface Standing {
  /** Some process has the lock of the keeper. */
  readonly hasKeeper: boolean
  /** When the figures were written to the database last; undefined before that. */
  readonly snapshotAtSeconds: number | undefined
  /** Deliveries that are not counted yet, and since when the oldest of them waits. */
  readonly waitingBatches: number
  readonly waitingSinceSeconds: number | undefined
  /** Deliveries that could not be counted and wait for somebody to look at them. */
  readonly setAsideBatches: number
  /** Why the figures cannot be read back and are not kept, until an operator does something; undefined when all is well. */
  readonly unreadableState: string | undefined
  /** When a checkpoint could not be read last and the one before it could; it is kept in `observatory_damaged_checkpoints`. */
  readonly checkpointSetAsideAtSeconds: number | undefined
  /** Observations that are in no figure: dated before the first day that is counted. */
  readonly tooOldObservations: number
  /** Those that have delivered in the last minutes, by name. */
  readonly collectors: readonly {
    readonly name: string
    readonly region: string
    readonly deliveredAtSeconds: number
  }[]
}

/** A collector that has delivered within this time is said to be there. */
const RECENT_MINUTES = 2
const MAX_COLLECTORS = 1_000

interface StandingRow {
  readonly keeper: boolean
  readonly snapshot: number | null
  readonly waiting: number
  readonly since: number | null
  readonly aside: number
  readonly unreadable: string | null
  readonly damaged: number | null
  readonly old: number
}

export async function readStanding(db: Db): Promise<Standing> {
  const { rows } = await sql<StandingRow>`
    SELECT
      EXISTS (
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 AND objsubid = 1
          AND objid = ${ADVISORY_LOCKS.observatoryLeader}::bigint::oid
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      ) AS keeper,
      (SELECT extract(epoch FROM max(taken_at))::float8 FROM statistics_snapshots) AS snapshot,
      (SELECT count(*)::integer FROM observation_batches WHERE applied IS NULL AND set_aside IS NULL) AS waiting,
      (SELECT extract(epoch FROM min(delivered_at))::float8 FROM observation_batches
        WHERE applied IS NULL AND set_aside IS NULL) AS since,
      (SELECT count(*)::integer FROM observation_batches WHERE set_aside IS NOT NULL) AS aside,
      (SELECT max(unreadable) FROM observatory_checkpoints) AS unreadable,
      (SELECT extract(epoch FROM max(set_aside_at))::float8 FROM observatory_damaged_checkpoints) AS damaged,
      (SELECT observations::float8 FROM observatory_too_old) AS old`.execute(db)
  const [row] = rows
  return {
    hasKeeper: row?.keeper ?? false,
    snapshotAtSeconds: secondsOf(row?.snapshot),
    waitingBatches: row?.waiting ?? 0,
    waitingSinceSeconds: secondsOf(row?.since),
    setAsideBatches: row?.aside ?? 0,
    unreadableState: row?.unreadable ?? undefined,
    checkpointSetAsideAtSeconds: secondsOf(row?.damaged),
    tooOldObservations: row?.old ?? 0,
    collectors: await recentCollectors(db),
  }
}

async function recentCollectors(db: Db): Promise<Standing['collectors']> {
  const { rows } = await sql<{ name: string; region: string; at: number }>`
    SELECT collector AS name, region, extract(epoch FROM max(delivered_at))::float8 AS at FROM observation_batches
    WHERE delivered_at > now() - make_interval(mins => ${RECENT_MINUTES})
    GROUP BY collector, region ORDER BY collector LIMIT ${MAX_COLLECTORS}`.execute(db)
  return rows.map(({ name, region, at }) => ({ name, region, deliveredAtSeconds: Math.floor(at) }))
}

function secondsOf(value: number | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Math.floor(value)
}
