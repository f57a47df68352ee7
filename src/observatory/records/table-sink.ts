/** Deliveries into the tables: on disk when they are answered. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { PREPARED } from '../../platform/database/index.ts'
import type { DeliverySink } from '../delivery.ts'
import { storableJson, storableText } from './storable.ts'
import { newestOfEach, storableReport } from './storable-report.ts'
import type { Db } from './tables.ts'

const MAX_NAME_LENGTH = 200
const ID_BYTES = 16

/**
 * One statement for each delivery: the batch, and what the reports say of the relays now. A delivery is known again by a hash of
 * all that is in it, for `KEEP_DELIVERIES_DAYS` of tidy.ts; so the same one twice is there once.
 *
 * `deliver` rejects with what the database said; whether the delivery was taken is not known then, and it is to be repeated.
 */
export function tableSink(db: Db): DeliverySink {
  return {
    deliver: async ({ collector, region, observations, reports }) => {
      const bytes = observations.encode()
      const cleaned = reports.map(storableReport)
      const written = storableJson(cleaned)
      const names = [storableText(collector, MAX_NAME_LENGTH), storableText(region, MAX_NAME_LENGTH)] as const
      await insertDelivery(db, {
        id: idOf(names, written, bytes),
        names,
        bytes,
        reports: written,
        newest: reports.length === 0 ? '[]' : storableJson(newestOfEach(cleaned)),
      })
    },
  }
}

interface StorableDelivery {
  readonly id: string
  readonly names: readonly [collector: string, region: string]
  readonly bytes: Buffer
  readonly reports: string
  readonly newest: string
}

/** In hex, as `uuid` takes it. */
function idOf(names: readonly string[], reports: string, bytes: Buffer): string {
  const hash = createHash('sha256').update(JSON.stringify(names)).update(reports).update('\0').update(bytes)
  return hash.digest().subarray(0, ID_BYTES).toString('hex')
}

/** Rows of relays are locked in the order of their numbers, by whoever writes them: so nobody waits for one another. */
async function insertDelivery(
  db: Db,
  { id, names, bytes, reports, newest }: StorableDelivery,
): Promise<void> {
  const [collector, region] = names
  await sql`${PREPARED}
    WITH delivery AS (
      INSERT INTO observation_deliveries (id) VALUES (${id}::uuid) ON CONFLICT DO NOTHING RETURNING id
    ), batch AS (
      INSERT INTO observation_batches (collector, region, observations, reports)
      SELECT ${collector}::text, ${region}::text, ${bytes}::bytea, ${reports}::jsonb FROM delivery
    ), report AS MATERIALIZED (
      SELECT relay, to_timestamp("atSeconds") AS at, state, reason, "isProven" AS proven, failures, information, cursor,
        to_timestamp("nextTrySeconds") AS next_try
      FROM jsonb_to_recordset(${newest}::jsonb) AS r (relay integer, "atSeconds" float8, state text, reason text,
        "isProven" boolean, failures integer, "nextTrySeconds" float8, cursor jsonb, information jsonb)
      WHERE EXISTS (SELECT FROM delivery)
    ), locked AS MATERIALIZED (
      SELECT id FROM relays WHERE id = ANY(ARRAY(SELECT relay FROM report)) ORDER BY id FOR NO KEY UPDATE
    )
    UPDATE relays r SET
      reported_at = n.at, state = n.state, reason = n.reason, failures = n.failures, next_try = n.next_try,
      proven_at = coalesce(r.proven_at, CASE WHEN n.proven THEN n.at END),
      cursor_since = CASE WHEN n.cursor IS NULL THEN r.cursor_since ELSE (n.cursor->>'since')::bigint END,
      cursor_until = CASE WHEN n.cursor IS NULL THEN r.cursor_until ELSE (n.cursor->>'until')::bigint END,
      information = coalesce(n.information, r.information),
      software = CASE WHEN n.information IS NULL THEN r.software ELSE n.information->>'software' END,
      version = CASE WHEN n.information IS NULL THEN r.version ELSE n.information->>'version' END,
      nips = CASE WHEN n.information IS NULL THEN r.nips
        ELSE ARRAY(SELECT nip::integer FROM jsonb_array_elements_text(n.information->'nips') AS nip) END,
      countries = CASE WHEN n.information IS NULL THEN r.countries
        ELSE ARRAY(SELECT jsonb_array_elements_text(n.information->'countries')) END
    FROM report n JOIN locked l ON l.id = n.relay
    WHERE r.id = l.id AND (r.reported_at IS NULL OR r.reported_at <= n.at)`.execute(db)
}
