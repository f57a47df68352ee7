import { type Kysely, sql } from 'kysely'
import type { EventStore } from '../../events/index.ts'
import { accepted, type Clock } from '../../kernel/index.ts'
import { isHex64, type ReportType } from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { AccessChange } from '../../relay/index.ts'
import type { AccessKeeper } from '../access/access-keeper.ts'
import { MAX_REASON_CHARACTERS, mistakeIn } from '../access/check-change.ts'
import type { Actor } from '../actor.ts'
import type { DatabaseAccess } from '../database-access.ts'
import { writeDecision } from '../decide.ts'
import { readEvents } from '../read-events.ts'
import { type ModerationOutcome, refuse } from '../refusal.ts'
import type { Removals } from '../removals.ts'
import { DAY_SECONDS, type ModerationSettings } from '../settings.ts'

export interface ReportsDeps {
  readonly database: DatabaseAccess
  readonly access: AccessKeeper
  readonly removals: Removals
  readonly store: Pick<EventStore, 'query'>
  readonly settings: ModerationSettings
  readonly clock: Clock
  /** Called with the changes of a decision that was written: what they ban has to go. */
  readonly afterwards: (changes: readonly AccessChange[]) => Promise<void>
}

/** What was complained of: a key, an event id, or the SHA-256 of a file; 64 hex characters each. */
export interface ReportedTarget {
  readonly subject: 'person' | 'event' | 'blob'
  readonly target: string
}

/** All open reports of one target. */
export interface ReportedThing extends ReportedTarget {
  /** How many different keys complain. */
  readonly reporters: number
  /** The weights of these keys together. */
  readonly weight: number
  readonly types: readonly ReportType[]
  readonly firstAtSeconds: number
  readonly lastAtSeconds: number
  /** Those that count most, at most ten. */
  readonly complaints: readonly Complaint[]
}

export interface Complaint {
  readonly reportId: string
  readonly reporter: string
  readonly type: ReportType
  readonly comment: string
  readonly weight: number
  readonly atSeconds: number
}

export interface ReportPage {
  /** From 1 to 500. Default 100. */
  readonly limit?: number
  readonly offset?: number
}

/**
 * `dismiss`: there is nothing to it. `uphold`: it was right, and is dealt with elsewhere. The others ban the event, or
 * ban or shadow the key, which for an event is its author's.
 */
export const REPORT_DECISIONS = ['dismiss', 'uphold', 'ban-event', 'ban-pubkey', 'shadow-pubkey'] as const

export type ReportDecision = (typeof REPORT_DECISIONS)[number]

export interface Judgement {
  readonly decision: ReportDecision
  readonly by: Actor
  /** Stands beside the ban. */
  readonly reason?: string
  /** With `ban-pubkey`: also removes what the key has stored. */
  readonly purge?: boolean
  /**
   * Asked about the key that would be banned or shadowed: for an event that is its author, whom only the event names.
   * Absent: whoever decides may judge everybody.
   */
  readonly mayJudge?: (pubkey: string) => Promise<boolean>
}

const DEFAULT_PAGE = 100
const MAX_PAGE = 500
const MAX_COMPLAINTS = 10

/** The queue of what people complain of. Nothing in it removes anything by itself: a moderator decides. */
export class Reports {
  readonly #deps: ReportsDeps

  constructor(deps: ReportsDeps) {
    this.#deps = deps
  }

  /** What weighs most first. */
  list({
    limit = DEFAULT_PAGE,
    offset = 0,
  }: ReportPage = {}): Promise<ModerationOutcome<readonly ReportedThing[]>> {
    const page = { limit: Math.min(Math.max(limit, 1), MAX_PAGE), offset: Math.max(offset, 0) }
    return this.#deps.database.read(async (db) => accepted(await readThings(db, page)))
  }

  open(): Promise<ModerationOutcome<number>> {
    return this.#deps.database.read(async (db) => {
      const { open } = await db
        .selectFrom('moderation_reports')
        .select((of) => of.fn.countAll<bigint>().as('open'))
        .where('state', '=', 'open')
        .executeTakeFirstOrThrow()
      return accepted(Number(open))
    })
  }

  /** Decides about all open reports of a target; resolves to how many there were. */
  async resolve(
    { subject, target }: ReportedTarget,
    judgement: Judgement,
  ): Promise<ModerationOutcome<{ readonly reports: number }>> {
    const { decision, by, purge = false } = judgement
    const planned = await this.#changesFor({ subject, target }, judgement)
    if (!planned.ok) return planned
    const { clock, removals } = this.#deps
    const nowSeconds = clock.nowSeconds()
    const outcome = await this.#deps.access.commit(async ({ tx, audit, apply }) => {
      const { numUpdatedRows } = await tx
        .updateTable('moderation_reports')
        .set({
          state: decision === 'dismiss' ? 'dismissed' : 'upheld',
          decision,
          handled_by: by.actor,
          handled_at: BigInt(nowSeconds),
        })
        .where('state', '=', 'open')
        .where('subject', '=', subject)
        .where('target', '=', target)
        .executeTakeFirst()
      const reports = Number(numUpdatedRows)
      if (reports === 0) return refuse('NOT_FOUND', 'There is no open report of it.')
      const written = await writeDecision({ tx, apply }, planned.value, { by, purge, nowSeconds, removals })
      if (!written.ok) return written
      audit({
        ...by,
        action: 'moderation.reports_resolved',
        subject: target,
        before: { subject, reports },
        after: { decision, purge },
      })
      return accepted({ reports })
    })
    if (outcome.ok) await this.#deps.afterwards(planned.value)
    return outcome
  }

  /** Forgets what was decided long ago. */
  async forgetOld(): Promise<void> {
    const { database, clock, settings } = this.#deps
    const before = BigInt(clock.nowSeconds() - settings.keepReportsDays * DAY_SECONDS)
    await database.read(async (db) => {
      await db
        .deleteFrom('moderation_reports')
        .where('state', '<>', 'open')
        .where('handled_at', '<', before)
        .execute()
      return accepted(undefined)
    })
  }

  async #changesFor(
    reported: ReportedTarget,
    { decision, reason = 'reported', mayJudge }: Judgement,
  ): Promise<ModerationOutcome<readonly AccessChange[]>> {
    const { subject, target } = reported
    if (!isHex64(target)) return refuse('INVALID', 'What is reported has 64 lowercase hex characters.')
    if (decision === 'dismiss' || decision === 'uphold') return accepted([])
    if (decision === 'ban-event') {
      return subject === 'event'
        ? checked({ do: 'ban-event', id: target, reason })
        : refuse('INVALID', 'Only a report of an event can be answered by banning the event.')
    }
    const pubkey = await this.#authorOf(reported)
    if (!pubkey.ok) return pubkey
    if (mayJudge !== undefined && !(await mayJudge(pubkey.value))) return ABOVE
    return checked({ do: decision, pubkey: pubkey.value, reason })
  }

  /** A report also names an author, but anybody can write any name there: the event itself is asked. */
  async #authorOf({ subject, target }: ReportedTarget): Promise<ModerationOutcome<string>> {
    if (subject === 'person') return accepted(target)
    if (subject === 'blob')
      return refuse('INVALID', 'Nobody knows who has made a file: ban the key by itself.')
    const { store, clock } = this.#deps
    for await (const { pubkey } of readEvents(store, { ids: [target], limit: 1 }, clock.nowSeconds())) {
      return accepted(pubkey)
    }
    return refuse('NOT_FOUND', 'The event is not stored, so its author is not known: ban the key by itself.')
  }
}

const ABOVE = refuse('NOT_ALLOWED', 'a moderator may not judge operators and owners')

function checked(change: AccessChange): ModerationOutcome<readonly AccessChange[]> {
  return mistakeIn(change) === undefined
    ? accepted([change])
    : refuse('INVALID', `A reason has at most ${MAX_REASON_CHARACTERS} characters.`)
}

interface ThingRow extends ReportedTarget {
  readonly reporters: number
  readonly weight: number
  readonly types: readonly ReportType[]
  readonly first_at: bigint
  readonly last_at: bigint
}

interface ComplaintRow extends ReportedTarget {
  readonly report_id: string
  readonly reporter: string
  readonly type: ReportType
  readonly comment: string
  readonly weight: number
  readonly reported_at: bigint
}

async function readThings(
  db: Kysely<Tables>,
  { limit, offset }: Required<ReportPage>,
): Promise<readonly ReportedThing[]> {
  const { rows: things } = await sql<ThingRow>`
    SELECT subject, target, count(*)::int AS reporters, least(sum(weight), 2147483647)::int AS weight,
      array_agg(DISTINCT type) AS types, min(reported_at) AS first_at, max(reported_at) AS last_at
    FROM moderation_reports WHERE state = 'open' GROUP BY subject, target
    ORDER BY sum(weight) DESC, max(reported_at) DESC, target LIMIT ${limit} OFFSET ${offset}`.execute(db)
  if (things.length === 0) return []
  const { rows: complaints } = await sql<ComplaintRow>`
    SELECT * FROM (
      SELECT subject, target, report_id, reporter, type, comment, weight, reported_at,
        row_number() OVER (PARTITION BY subject, target ORDER BY weight DESC, reported_at, report_id) AS place
      FROM moderation_reports
      WHERE state = 'open' AND target = ANY(${things.map(({ target }) => target)})
    ) AS placed WHERE place <= ${MAX_COMPLAINTS} ORDER BY place`.execute(db)
  const byTarget = Map.groupBy(complaints, nameOf)
  return things.map(({ first_at, last_at, ...thing }) => ({
    ...thing,
    firstAtSeconds: Number(first_at),
    lastAtSeconds: Number(last_at),
    complaints: (byTarget.get(nameOf(thing)) ?? []).map(complaintOf),
  }))
}

function nameOf({ subject, target }: ReportedTarget): string {
  return `${subject} ${target}`
}

function complaintOf({ report_id, reporter, type, comment, weight, reported_at }: ComplaintRow): Complaint {
  return { reportId: report_id, reporter, type, comment, weight, atSeconds: Number(reported_at) }
}
