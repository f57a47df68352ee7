import { type Kysely, sql } from 'kysely'
import type { EventStore } from '../../events/index.ts'
import { accepted, type Clock } from '../../kernel/index.ts'
import { type Filter, KINDS, type NostrEvent, parseReport } from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { DatabaseAccess } from '../database-access.ts'
import { storableText } from '../free-text.ts'
import { readEvents } from '../read-events.ts'
import { DAY_SECONDS, type ModerationSettings } from '../settings.ts'
import type { ModerationReportsTable } from '../tables.ts'
import { Turns } from '../turns.ts'

export interface ReportIntakeDeps {
  readonly database: DatabaseAccess
  readonly store: Pick<EventStore, 'query'>
  readonly settings: ModerationSettings
  /** How much the word of this key counts; 0 for one whose reports are not to be noted at all. */
  readonly weightOf: (pubkey: string) => number
  readonly clock: Clock
  readonly logger: Logger
}

export const STRANGER_WEIGHT = 1

const MAX_WAITING = 1_000
const MAX_COMMENT_CHARACTERS = 1_000
/** Rows in one statement. */
const BATCH_ROWS = 500
/** A report says itself when it was made, so a late one may lie before what was read. */
const OVERLAP_SECONDS = 7 * DAY_SECONDS
/** How often it is noted how far reports were read. */
const PROGRESS_SECONDS = 60

/**
 * Notes the targets of stored reports (NIP-56). New ones are handed in; those that were missed, because the program or
 * the database was down or too many came at once, are read from the event store.
 */
export class ReportIntake {
  readonly #deps: ReportIntakeDeps
  readonly #turns = new Turns(MAX_WAITING)
  #waiting: NostrEvent[] = []
  /** Reports may have been missed. */
  #isBehind = true
  #notedUntil = 0

  constructor(deps: ReportIntakeDeps) {
    this.#deps = deps
  }

  /** To be called with every event that is stored; others than reports cost a comparison. */
  onStored(event: NostrEvent): void {
    if (event.kind !== KINDS.REPORT) return
    if (this.#waiting.length >= MAX_WAITING || this.#turns.isFull) {
      this.#isBehind = true
      return
    }
    // What comes until its turn goes with it.
    if (this.#waiting.push(event) === 1) void this.#turns.take(() => this.#noteWaiting())
  }

  /** Reads from the store what was missed, if anything was, and notes how far everything was read. */
  catchUp(): Promise<void> {
    return this.#turns.isFull ? Promise.resolve() : this.#turns.take(() => this.#catchUpNow())
  }

  /** Resolves when everything handed in so far is noted, or known to be missed. */
  settled(): Promise<void> {
    return this.#turns.settled()
  }

  async #noteWaiting(): Promise<void> {
    const reports = this.#waiting
    this.#waiting = []
    try {
      const outcome = await this.#deps.database.read(async (db) => accepted(await this.#note(db, reports)))
      if (!outcome.ok) this.#isBehind = true
    } catch (err) {
      this.#isBehind = true
      this.#deps.logger.error({ err, reports: reports.length }, 'moderation.reports_not_noted')
    }
  }

  async #catchUpNow(): Promise<void> {
    const { database, store, clock, settings } = this.#deps
    const nowSeconds = clock.nowSeconds()
    if (!this.#isBehind && nowSeconds - this.#notedUntil < PROGRESS_SECONDS) return
    await database.read(async (db) => {
      if (this.#isBehind) {
        const { read_until } = await db
          .selectFrom('moderation_report_progress')
          .select('read_until')
          .executeTakeFirstOrThrow()
        // What is missed while it reads is read the next time.
        this.#isBehind = false
        try {
          const oldest = nowSeconds - settings.keepReportsDays * DAY_SECONDS
          const since = Math.max(0, oldest, Number(read_until) - OVERLAP_SECONDS)
          await this.#readFrom(db, store, { kinds: [KINDS.REPORT], since }, nowSeconds)
        } catch (error) {
          this.#isBehind = true
          throw error
        }
      }
      await db
        .updateTable('moderation_report_progress')
        .set({ read_until: BigInt(nowSeconds) })
        .execute()
      this.#notedUntil = nowSeconds
      return accepted(undefined)
    })
  }

  async #readFrom(
    db: Kysely<Tables>,
    store: Pick<EventStore, 'query'>,
    filter: Filter,
    nowSeconds: number,
  ): Promise<void> {
    let page: NostrEvent[] = []
    for await (const event of readEvents(store, filter, nowSeconds)) {
      if (page.push(event) < BATCH_ROWS) continue
      await this.#note(db, page)
      page = []
    }
    await this.#note(db, page)
  }

  async #note(db: Kysely<Tables>, reports: readonly NostrEvent[]): Promise<void> {
    const rows = reports.flatMap((event) => this.#rowsOf(event))
    if (rows.length === 0) return
    const wanted = await this.#withinBounds(db, rows)
    for (let start = 0; start < wanted.length; start += BATCH_ROWS) {
      await db
        .insertInto('moderation_reports')
        .values(wanted.slice(start, start + BATCH_ROWS))
        // The same report again, or another one by the same reporter while the first is open.
        .onConflict((conflict) => conflict.doNothing())
        .execute()
    }
  }

  /** When too much is open, only the word of people who are known here is still noted. */
  async #withinBounds(db: Kysely<Tables>, rows: readonly ModerationReportsTable[]) {
    const { settings, logger } = this.#deps
    const { rows: counted } = await sql<{ readonly open: bigint }>`
      SELECT count(*) AS open FROM moderation_reports WHERE state = 'open'`.execute(db)
    const open = Number(counted[0]?.open ?? 0)
    if (open + rows.length <= settings.maxOpenReports) return rows
    logger.warn({ open, max: settings.maxOpenReports }, 'moderation.reports_full')
    return rows.filter(({ weight }) => weight > STRANGER_WEIGHT)
  }

  #rowsOf(event: NostrEvent): readonly ModerationReportsTable[] {
    const parsed = parseReport(event)
    const weight = this.#deps.weightOf(event.pubkey)
    if (!parsed.ok || weight === 0) return []
    const { reporter, comment, targets } = parsed.value
    return targets.map((target) => ({
      report_id: event.id,
      subject: target.subject,
      target: targetText(target),
      reporter,
      type: target.type,
      comment: storableText(comment, MAX_COMMENT_CHARACTERS),
      weight,
      reported_at: BigInt(event.created_at),
      state: 'open',
      decision: null,
      handled_by: null,
      handled_at: null,
    }))
  }
}

type Target = { readonly pubkey: string } | { readonly id: string } | { readonly sha256: string }

function targetText(target: Target): string {
  if ('pubkey' in target) return target.pubkey
  return 'id' in target ? target.id : target.sha256
}
