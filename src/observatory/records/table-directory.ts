/** The table `relays` as collectors read it. */
import { sql } from 'kysely'
import { ADVISORY_LOCKS } from '../../platform/database/index.ts'
import type { DirectoryEntry, RelayDirectory, RelayOrigin } from '../relay-directory.ts'
import type { Db, Tx } from './tables.ts'

/** Of an address; longer ones are nobody's. */
const MAX_URL_LENGTH = 1024
/** Addresses that are looked up by one statement. */
const URLS_AT_ONCE = 5_000

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

/** @param maxRelays new relays are not taken in beyond this. */
export function tableDirectory(db: Db, { maxRelays }: { readonly maxRelays: number }): RelayDirectory {
  return {
    all: async () => {
      const { rows } = await sql<DirectoryRow>`SELECT ${COLUMNS} FROM relays ORDER BY id`.execute(db)
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
  /** New relays are not taken in beyond this. */
  readonly maxRelays: number
}

/**
 * One inserts at a time, so that the bound is kept, and whoever sees a number has seen all smaller ones. Addresses that are
 * there use up no number.
 */
export async function insertRelays(
  tx: Tx,
  urls: readonly string[],
  { origin, maxRelays }: Insertion,
): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.observatoryRelays})`.execute(tx)
  await sql`
    INSERT INTO relays (url, origin)
    SELECT url, ${origin} FROM unnest(${urls}::text[]) WITH ORDINALITY AS given (url, place)
    WHERE NOT EXISTS (SELECT FROM relays r WHERE r.url = given.url)
    ORDER BY place
    LIMIT greatest(0, ${maxRelays}::bigint - (SELECT count(*) FROM relays))`.execute(tx)
}

async function find(db: Db, urls: readonly string[]): Promise<readonly DirectoryEntry[]> {
  const { rows } = await sql<DirectoryRow>`
    SELECT ${COLUMNS} FROM relays WHERE url = ANY(${urls}::text[]) ORDER BY id`.execute(db)
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
