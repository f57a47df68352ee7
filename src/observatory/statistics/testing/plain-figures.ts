/**
 * What every figure means, in plain SQL over raw rows: slow, obvious, and what the engine must agree with. Each query is the
 * first that comes to mind.
 */
import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Tables } from '../../../platform/database/index.ts'
import { LANGUAGES } from '../../languages.ts'
import type { Observation } from '../../observation.ts'
import { type Range, rangeStart, rangeStep, SECONDS_PER_DAY } from '../../ranges.ts'
import type { Snapshot } from '../../snapshot.ts'

/** The figures that observations decide, in an order that does not depend on who computed them. */
export interface PlainFigures {
  readonly coverage: {
    readonly futureDated: number
    readonly absurdlyDated: number
    readonly repeated: number
    readonly firstSeenSeconds: number | undefined
    readonly lastSeenSeconds: number | undefined
  }
  readonly events: number
  readonly users: number
  readonly newUsers: number
  readonly returningUsers: number
  readonly activeRelays: number
  readonly byKind: readonly unknown[]
  readonly timeline: readonly unknown[]
  readonly zaps: Snapshot['zaps']
  readonly longForm: { readonly events: number; readonly users: number }
  readonly languages: readonly unknown[]
  readonly taggedEvents: number
  readonly clients: readonly unknown[]
  readonly relays: readonly unknown[]
  readonly cohorts: readonly unknown[]
}

/** The same figures out of a snapshot. */
export function plainFiguresOf(snapshot: Snapshot): PlainFigures {
  const { futureDated, absurdlyDated, repeated, firstSeenSeconds, lastSeenSeconds } = snapshot.coverage
  return {
    coverage: { futureDated, absurdlyDated, repeated, firstSeenSeconds, lastSeenSeconds },
    events: snapshot.events,
    users: snapshot.users.count,
    newUsers: snapshot.newUsers.count,
    returningUsers: snapshot.returningUsers.count,
    activeRelays: snapshot.activeRelays,
    byKind: snapshot.byKind.toSorted((a, b) => a.kind - b.kind),
    timeline: snapshot.timeline.filter(({ events }) => events > 0),
    zaps: snapshot.zaps,
    longForm: { events: snapshot.longForm.events, users: snapshot.longForm.users.count },
    languages: snapshot.languages.toSorted((a, b) => compare(a.language, b.language)),
    taggedEvents: snapshot.taggedEvents,
    clients: snapshot.clients
      .map((client) => ({ ...client, users: client.users.count }))
      .sort((a, b) => compare(a.name, b.name)),
    relays: snapshot.relays
      .map(({ relay, events, users, kinds, firstSeenSeconds: firstSeen, lastEventSeconds }) => ({
        relay,
        events,
        users: users.count,
        kinds: kinds.toSorted((a, b) => a.kind - b.kind),
        firstSeenSeconds: firstSeen,
        lastEventSeconds,
      }))
      .sort((a, b) => a.relay - b.relay),
    cohorts: snapshot.cohorts,
  }
}

/** Makes the tables; once for a database. */
export async function makeRawTables(db: Kysely<Tables>): Promise<void> {
  await sql`CREATE UNLOGGED TABLE raw (
    relay int, event text, author text, kind int, created_at int8, seen_at int8,
    client text, zap_msat numeric, is_checked boolean, language int)`.execute(db)
  // What counts at all, and each event once.
  await sql`CREATE VIEW pair AS
    SELECT * FROM raw WHERE created_at >= 1604707200 AND created_at <= seen_at + 900`.execute(db)
  await sql`CREATE VIEW event AS
    SELECT DISTINCT event, author, kind, created_at, client, zap_msat, is_checked, language FROM pair`.execute(
    db,
  )
  await sql`CREATE VIEW activity AS SELECT * FROM event WHERE kind NOT IN (445, 1059)`.execute(db)
}

export async function putRawRows(db: Kysely<Tables>, observations: readonly Observation[]): Promise<void> {
  await sql`TRUNCATE raw`.execute(db)
  const rows = observations.map((one) => ({
    relay: one.relay,
    event: `${one.event.high} ${one.event.low}`,
    author: `${one.author.high} ${one.author.low}`,
    kind: one.kind,
    created_at: one.createdAt,
    seen_at: one.seenAt,
    client: one.client ?? null,
    zap_msat: String(one.zapMsat),
    is_checked: one.isZapSignerChecked,
    language: one.language,
  }))
  await sql`INSERT INTO raw SELECT * FROM jsonb_populate_recordset(NULL::raw, ${JSON.stringify(rows)}::jsonb)`.execute(
    db,
  )
}

export async function plainFigures(
  db: Kysely<Tables>,
  range: Range,
  nowSeconds: number,
): Promise<PlainFigures> {
  const from = sql.lit(rangeStart(range, nowSeconds) ?? 0)
  const all = async <T>(query: RawBuilder<T>): Promise<T[]> => (await query.execute(db)).rows
  const one = async <T>(query: RawBuilder<T>): Promise<T> => (await all(query))[0]!
  const coverage = await one(sql<{
    future: number
    absurd: number
    repeated: number
    first: number | null
    last: number | null
  }>`
    SELECT (SELECT count(*)::int FROM raw WHERE created_at >= 1604707200 AND created_at > seen_at + 900) AS future,
           (SELECT count(*)::int FROM raw WHERE created_at < 1604707200) AS absurd,
           (SELECT count(*)::int - count(DISTINCT (relay, event))::int FROM pair) AS repeated,
           (SELECT min(seen_at)::float8 FROM raw) AS first, (SELECT max(seen_at)::float8 FROM raw) AS last`)
  const {
    events,
    tagged,
    relays: activeRelays,
  } = await one(sql<{ events: number; tagged: number; relays: number }>`
    SELECT count(DISTINCT event)::int AS events, count(DISTINCT event) FILTER (WHERE client IS NOT NULL)::int AS tagged,
           count(DISTINCT relay)::int AS relays
    FROM pair WHERE created_at >= ${from}`)
  const { users } = await one(sql<{ users: number }>`
    SELECT count(DISTINCT author)::int AS users FROM activity WHERE created_at >= ${from}`)
  const { fresh } = await one(sql<{ fresh: number }>`
    SELECT count(*)::int AS fresh
    FROM (SELECT author, min(created_at) AS first FROM activity GROUP BY author) WHERE first >= ${from}`)
  const zaps = await one(sql<{ count: number; msat: string; checked: number; checked_msat: string }>`
    SELECT count(*)::int AS count, coalesce(sum(zap_msat), 0)::text AS msat,
           count(*) FILTER (WHERE is_checked)::int AS checked,
           coalesce(sum(zap_msat) FILTER (WHERE is_checked), 0)::text AS checked_msat
    FROM event WHERE kind = 9735 AND zap_msat > 0 AND created_at >= ${from}`)
  const longForm = await one(sql<{ events: number; users: number }>`
    SELECT count(*)::int AS events, count(DISTINCT author)::int AS users
    FROM event WHERE kind = 30023 AND created_at >= ${from}`)
  const languages = await all(sql<{ language: number; events: number }>`
    SELECT language, count(*)::int AS events FROM event WHERE language > 0 AND created_at >= ${from} GROUP BY language`)
  const clients = await all(sql<{ name: string }>`
    SELECT client AS name, count(*)::int AS events,
           count(DISTINCT author) FILTER (WHERE kind NOT IN (445, 1059))::int AS users,
           array_agg(DISTINCT kind ORDER BY kind) AS kinds, max(created_at)::float8 AS "lastSeenSeconds"
    FROM event WHERE client IS NOT NULL AND created_at >= ${from} GROUP BY client`)
  return {
    coverage: {
      futureDated: coverage.future,
      absurdlyDated: coverage.absurd,
      repeated: coverage.repeated,
      firstSeenSeconds: coverage.first ?? undefined,
      lastSeenSeconds: coverage.last ?? undefined,
    },
    events,
    users,
    newUsers: fresh,
    returningUsers: users - fresh,
    activeRelays,
    byKind: await all(sql<object>`
      SELECT kind, count(*)::int AS events FROM event WHERE created_at >= ${from} GROUP BY kind ORDER BY kind`),
    timeline: await plainTimeline(db, range, nowSeconds),
    zaps: {
      count: zaps.count,
      msat: BigInt(zaps.msat),
      checkedCount: zaps.checked,
      checkedMsat: BigInt(zaps.checked_msat),
    },
    longForm,
    languages: languages
      .map(({ language, events: count }) => ({ language: LANGUAGES[language]!, events: count }))
      .sort((a, b) => compare(a.language, b.language)),
    taggedEvents: tagged,
    clients: clients.sort((a, b) => compare(a.name, b.name)),
    relays: await plainRelays(db, from),
    cohorts: await plainCohorts(db, nowSeconds),
  }
}

/** Up to the hour or day after the one that runs, into which events dated a little ahead may fall. */
async function plainTimeline(db: Kysely<Tables>, range: Range, nowSeconds: number): Promise<unknown[]> {
  const step = rangeStep(range)
  const from = rangeStart(range, nowSeconds) ?? 0
  const to = (Math.floor(nowSeconds / step) + 2) * step
  const { rows } = await sql<{ zapMsat: string }>`
    SELECT (created_at / ${sql.lit(step)} * ${sql.lit(step)})::float8 AS "startSeconds", count(*)::int AS events,
           count(DISTINCT author) FILTER (WHERE kind NOT IN (445, 1059))::int AS users,
           count(*) FILTER (WHERE kind = 9735 AND zap_msat > 0)::int AS zaps,
           coalesce(sum(zap_msat) FILTER (WHERE kind = 9735), 0)::text AS "zapMsat"
    FROM event WHERE created_at >= ${sql.lit(from)} AND created_at < ${sql.lit(to)}
    GROUP BY 1 ORDER BY 1`.execute(db)
  return rows.map((row) => ({ ...row, zapMsat: BigInt(row.zapMsat) }))
}

/** Every relay that ever showed an event that counts, whether or not one of the range. */
async function plainRelays(db: Kysely<Tables>, from: RawBuilder<unknown>): Promise<unknown[]> {
  const { rows } = await sql<object>`
    SELECT relay,
           count(DISTINCT event) FILTER (WHERE created_at >= ${from})::int AS events,
           count(DISTINCT author) FILTER (WHERE created_at >= ${from} AND kind NOT IN (445, 1059))::int AS users,
           (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'events', events) ORDER BY kind), '[]')
            FROM (SELECT kind, count(DISTINCT event) AS events FROM pair AS its
                  WHERE its.relay = pair.relay AND created_at >= ${from} GROUP BY kind)) AS kinds,
           min(seen_at)::float8 AS "firstSeenSeconds", max(created_at)::float8 AS "lastEventSeconds"
    FROM pair GROUP BY relay ORDER BY relay`.execute(db)
  return rows
}

/** Weeks begin on Monday, as 5 January 1970 was one; the one that runs and eleven before it. */
async function plainCohorts(db: Kysely<Tables>, nowSeconds: number): Promise<unknown[]> {
  const week = (seconds: RawBuilder<unknown>) => sql`((${seconds} / 86400 + 3) / 7)`
  const now = Math.floor((Math.floor(nowSeconds / SECONDS_PER_DAY) + 3) / 7)
  const { rows } = await sql<{ first: number; users: number; week: number; active: number }>`
    WITH newcomer AS (SELECT author, ${week(sql`min(created_at)`)}::int AS first FROM activity GROUP BY author),
         present AS (SELECT DISTINCT author, ${week(sql`created_at`)}::int AS week FROM activity)
    SELECT first, week, count(*)::int AS active FROM newcomer JOIN present USING (author)
    WHERE first > ${sql.lit(now - 12)} AND first <= ${sql.lit(now)} GROUP BY first, week`.execute(db)
  const firsts = [...new Set(rows.map(({ first }) => first))].sort((a, b) => a - b)
  return firsts.map((first) => {
    const activeIn = (at: number) => rows.find((row) => row.first === first && row.week === at)?.active ?? 0
    return {
      weekStartSeconds: (first * 7 - 3) * SECONDS_PER_DAY,
      users: activeIn(first),
      active: Array.from({ length: now - first + 1 }, (_, offset) => activeIn(first + offset)),
    }
  })
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
