/** The table `relays` as collectors read it. */
import { sql } from 'kysely'
import { ADVISORY_LOCKS } from '../../platform/database/index.ts'
import {
  type DirectoryEntry,
  FOUND_ORIGINS,
  type FoundOrigin,
  type RelayDirectory,
  type RelayOrigin,
} from '../relay-directory.ts'
import type { Db, Tx } from './tables.ts'

/** Of an address; longer ones are nobody's. */
const MAX_URL_LENGTH = 1024
/** Addresses that are looked up by one statement. */
const URLS_AT_ONCE = 5_000

/**
 * Of the bound, one in so many may be learnt in a day from each of `FOUND_ORIGINS`. Anybody can invent addresses without end;
 * so a flood needs days for what would take it minutes, and by then the first of them are given up.
 */
const DAILY_SHARE = 10
/** So many may be learnt in a day however small the bound is. */
const MIN_DAILY = 100
/** So many times as many rows may there be as relays that are worth trying. */
const ROWS_PER_RELAY = 5

/**
 * A relay that was tried this often in vain, for so long, and has never proved itself, is dead: nobody tries it any more and it
 * has no place in the bound. An operator's word on it stands all the same, and our own relay is always tried.
 */
const DEAD_TRIES = 8
const DEAD_DAYS = 7
/** After so long it is tried anew when somebody names it, and nobody misses it when the table is full. */
const FORGOTTEN_DAYS = 30

export const IS_DEAD = sql<boolean>`(relays.proven_at IS NULL AND relays.refused_at IS NULL AND relays.origin <> 'own'
  AND relays.failures >= ${sql.lit(DEAD_TRIES)} AND relays.learnt_at < now() - make_interval(days => ${sql.lit(DEAD_DAYS)}))`

/** Nobody has tried it for long. */
const IS_FORGOTTEN = sql<boolean>`coalesce(relays.reported_at, relays.learnt_at)
  < now() - make_interval(days => ${sql.lit(FORGOTTEN_DAYS)})`

interface DirectoryRow {
  readonly id: number
  readonly url: string
  readonly proven: boolean
  readonly cursor_since: bigint | null
  readonly cursor_until: bigint | null
  readonly failures: number
  readonly next_try: bigint
  readonly refused: boolean
}

const COLUMNS = sql`id, url, proven_at IS NOT NULL AS proven, cursor_since, cursor_until, failures,
  extract(epoch FROM next_try)::bigint AS next_try, refused_at IS NOT NULL AS refused`

/** @param maxRelays new relays are not taken in beyond this; dead ones do not count. */
export function tableDirectory(db: Db, { maxRelays }: { readonly maxRelays: number }): RelayDirectory {
  return {
    all: async () => {
      const { rows } =
        await sql<DirectoryRow>`SELECT ${COLUMNS} FROM relays WHERE NOT ${IS_DEAD} ORDER BY id`.execute(db)
      return rows.map(entryOf)
    },
    learn: async (urls, origin) => {
      const wanted = [...new Set(urls)].filter(({ length }) => length > 0 && length <= MAX_URL_LENGTH)
      const entries: DirectoryEntry[] = []
      for (let at = 0; at < wanted.length; at += URLS_AT_ONCE) {
        const some = wanted.slice(at, at + URLS_AT_ONCE)
        if ((await find(db, some)).length < some.length)
          await db.transaction().execute((tx) => insertRelays(tx, some, { origin, maxRelays }))
        entries.push(...(await find(db, some)))
      }
      return entries
    },
  }
}

interface Insertion {
  readonly origin: RelayOrigin
  /** New relays are not taken in beyond this; dead ones do not count. */
  readonly maxRelays: number
}

/**
 * Adds those that are new, and has dead ones tried anew: at once when an operator says so, otherwise when nobody tried them for
 * 30 days. One inserts at a time, so that the bounds are kept, and whoever sees a number has seen all smaller ones. Addresses that
 * are there use up no number.
 */
export async function insertRelays(
  tx: Tx,
  urls: readonly string[],
  { origin, maxRelays }: Insertion,
): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.observatoryRelays})`.execute(tx)
  const { rows, alive, today } = await countRelays(tx, origin)
  const daily = isFound(origin) ? dailyBound(maxRelays) - today : maxRelays
  const room = Math.max(0, Math.min(maxRelays - alive, daily))
  if (room === 0) return
  const revived = await reviveRelays(tx, urls, origin, room)
  const maxRows = ROWS_PER_RELAY * maxRelays
  const wanted = Math.min(room - revived, urls.length)
  const removed = rows + wanted > maxRows ? await removeForgotten(tx, rows + wanted - maxRows) : 0
  await sql`
    INSERT INTO relays (url, origin)
    SELECT url, ${origin} FROM unnest(${urls}::text[]) WITH ORDINALITY AS given (url, place)
    WHERE NOT EXISTS (SELECT FROM relays r WHERE r.url = given.url)
    ORDER BY place
    LIMIT ${Math.max(0, Math.min(wanted, maxRows - rows + removed))}`.execute(tx)
}

function isFound(origin: RelayOrigin): origin is FoundOrigin {
  return FOUND_ORIGINS.some((found) => found === origin)
}

function dailyBound(maxRelays: number): number {
  return Math.max(MIN_DAILY, Math.ceil(maxRelays / DAILY_SHARE))
}

/** `today`: those of this origin that were learnt, or learnt again, in the last 24 hours. */
async function countRelays(tx: Tx, origin: RelayOrigin) {
  const { rows } = await sql<{ rows: number; alive: number; today: number }>`
    SELECT count(*)::integer AS rows, (count(*) FILTER (WHERE NOT ${IS_DEAD}))::integer AS alive,
      (count(*) FILTER (WHERE origin = ${origin} AND learnt_at > now() - interval '1 day'))::integer AS today
    FROM relays`.execute(tx)
  return rows[0] ?? { rows: 0, alive: 0, today: 0 }
}

/** As if they were new, but with the number that they have. @returns how many. */
async function reviveRelays(
  tx: Tx,
  urls: readonly string[],
  origin: RelayOrigin,
  room: number,
): Promise<number> {
  // Nobody waits for a row here while others may wait for the lock on all of them: what is written just now is no dead relay.
  const { numAffectedRows = 0n } = await sql`
    UPDATE relays SET learnt_at = now(), failures = 0, next_try = 'epoch', state = 'candidate', reason = NULL, origin = ${origin}
    WHERE id IN (
      SELECT id FROM relays
      WHERE url = ANY(${urls}::text[]) AND ${IS_DEAD} AND (${origin === 'operator'}::boolean OR ${IS_FORGOTTEN})
      ORDER BY id LIMIT ${room} FOR NO KEY UPDATE SKIP LOCKED
    )`.execute(tx)
  return Number(numAffectedRows)
}

/**
 * Removes dead relays that nobody tried for 30 days and of which no figure or log is kept, the oldest first; their numbers are not
 * given again. Learning nothing any more instead would let whoever once fills the table keep it full for ever.
 *
 * @returns how many.
 */
async function removeForgotten(tx: Tx, count: number): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    WITH gone AS MATERIALIZED (
      SELECT id FROM relays
      WHERE ${IS_DEAD} AND ${IS_FORGOTTEN}
        AND NOT EXISTS (SELECT FROM events_aggregated e WHERE e.relay = relays.id)
        AND NOT EXISTS (SELECT FROM relay_hours h WHERE h.relay = relays.id)
        AND NOT EXISTS (SELECT FROM relay_logs l WHERE l.relay = relays.id)
      ORDER BY id LIMIT ${count} FOR UPDATE SKIP LOCKED
    ), states AS (
      DELETE FROM relay_region_states WHERE relay IN (SELECT id FROM gone)
    )
    DELETE FROM relays WHERE id IN (SELECT id FROM gone)`.execute(tx)
  return Number(numAffectedRows)
}

async function find(db: Db, urls: readonly string[]): Promise<readonly DirectoryEntry[]> {
  const { rows } = await sql<DirectoryRow>`
    SELECT ${COLUMNS} FROM relays WHERE url = ANY(${urls}::text[]) AND NOT ${IS_DEAD} ORDER BY id`.execute(db)
  return rows.map(entryOf)
}

function entryOf(row: DirectoryRow): DirectoryEntry {
  return {
    relay: row.id,
    url: row.url,
    isProven: row.proven,
    cursor: { since: secondsOf(row.cursor_since), until: secondsOf(row.cursor_until) },
    failures: row.failures,
    nextTrySeconds: Number(row.next_try),
    ...(row.refused && { isRefused: true }),
  }
}

function secondsOf(value: bigint | null): number | undefined {
  return value === null ? undefined : Number(value)
}
