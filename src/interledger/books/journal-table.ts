/** The journal in the database: `migrations/0007_interledger_packets.sql`. Times are Unix milliseconds. */
import { type Generated, type Kysely, type RawBuilder, type Selectable, sql, type Transaction } from 'kysely'
import { PREPARED, type Tables } from '../../platform/database/index.ts'
import { decodeJournalBody, type JournalEntry, type JournalWriter } from './journal-codec.ts'

interface IlpJournalTable {
  readonly seq: Generated<bigint>
  readonly run: string
  readonly number: bigint
  readonly written_at: bigint
  readonly answers_from: bigint | null
  readonly answers_until: bigint | null
  readonly has_losses: boolean
  readonly body: Buffer
}

interface IlpJournalProgressTable {
  readonly only_row: Generated<boolean>
  replay_from: bigint
}

declare module '../../platform/database/tables.ts' {
  interface Tables {
    ilp_journal: IlpJournalTable
    ilp_journal_progress: IlpJournalProgressTable
  }
}

type Db = Kysely<Tables>
type Tx = Transaction<Tables>

export interface JournalRow {
  readonly seq: bigint
  readonly writtenAtMs: number
  readonly entries: readonly JournalEntry[]
}

/** Rows that are in memory at the same time; each has half a mebibyte at most, and most have much less. */
const PAGE_ROWS = 32
/** Rows that are removed by one statement. */
export const PRUNE_ROWS = 2_000

export interface RowToInsert {
  readonly run: string
  readonly number: number
  readonly atMs: number
  readonly journal: JournalWriter
}

/** Undefined when it is there already: then the commit of an earlier attempt was done after all, and waited for here. */
export async function insertRow(tx: Tx, row: RowToInsert): Promise<bigint | undefined> {
  const { rows } = await insertFrom(sql`SELECT`, row).execute(tx)
  return rows[0]?.seq
}

/**
 * Inserts the row and posts what belongs to it in one statement, which is a transaction of its own, while `mayWrite` has a row.
 * Undefined when it has none, or when the row is there already: neither was anything posted then.
 */
export async function insertRowAndPost(
  db: Db,
  row: RowToInsert,
  { mayWrite, numbers = sql`NULL` }: InsertedTogether,
): Promise<{ readonly seq: bigint; readonly numbers: readonly bigint[] | null } | undefined> {
  const { rows } = await sql<{ seq: bigint; numbers: readonly bigint[] | null }>`${PREPARED}
    WITH may_write AS MATERIALIZED (${mayWrite}), written AS (${insertFrom(sql`TABLE may_write`, row)})
    SELECT seq, ${numbers} AS numbers FROM written`.execute(db)
  return rows[0]
}

export interface InsertedTogether {
  readonly mayWrite: RawBuilder<unknown>
  readonly numbers: RawBuilder<readonly bigint[]> | undefined
}

/** Inserts the row once for each row, at most one, that `source` gives. */
function insertFrom(source: RawBuilder<unknown>, { run, number, atMs, journal }: RowToInsert) {
  const { answers } = journal
  return sql<{ readonly seq: bigint }>`
    INSERT INTO ilp_journal (run, number, written_at, answers_from, answers_until, has_losses, body)
    SELECT ${run}::uuid, ${number}::bigint, ${atMs}::bigint, ${answers?.fromMs ?? null}::bigint,
      ${answers?.untilMs ?? null}::bigint, ${journal.hasLosses}::boolean, ${journal.body()}::bytea
    FROM (${source}) AS source
    ON CONFLICT (run, number) DO NOTHING
    RETURNING seq`
}

export async function seqOf(tx: Tx, run: string, number: number): Promise<bigint> {
  const row = await tx
    .selectFrom('ilp_journal')
    .select('seq')
    .where('run', '=', run)
    .where('number', '=', BigInt(number))
    .executeTakeFirstOrThrow()
  return row.seq
}

/** Until the transaction ends nobody writes, and what a killed process was writing is there or will never be. */
export async function lockJournal(tx: Tx): Promise<void> {
  await sql`LOCK TABLE ilp_journal IN SHARE ROW EXCLUSIVE MODE`.execute(tx)
}

/** Rows that may tell of packets whose fate is not known, in their order. */
export async function* rowsToReplay(tx: Tx): AsyncGenerator<JournalRow> {
  const { replay_from } = await tx
    .selectFrom('ilp_journal_progress')
    .select('replay_from')
    .executeTakeFirstOrThrow()
  yield* rowsOf(tx, journalQuery(tx).where('seq', '>=', replay_from))
}

/** Rows that may say what became of packets from peers with one of these expiries. */
export async function* rowsWithAnswers(tx: Tx, expiriesMs: readonly number[]): AsyncGenerator<JournalRow> {
  const expiries = [...new Set(expiriesMs)].toSorted((a, b) => a - b).map(BigInt)
  const [first, last] = [expiries[0], expiries.at(-1)]
  if (first === undefined || last === undefined) return
  // The bounds are for the index. A row is held against all expiries by a search, not one after the other.
  const rows = journalQuery(tx)
    .where('answers_until', '>=', first)
    .where('answers_from', '<=', last)
    .where(
      sql<boolean>`int8range(answers_from, answers_until, '[]') && (
        SELECT range_agg(int8range(expiry, expiry, '[]')) FROM unnest(${expiries}::bigint[]) AS expiry)`,
    )
  yield* rowsOf(tx, rows)
}

/** Rows with write-offs that are not older than this. */
export async function* rowsWithLosses(tx: Tx, sinceMs: number): AsyncGenerator<JournalRow> {
  const rows = journalQuery(tx).where('has_losses', '=', true).where('written_at', '>=', BigInt(sinceMs))
  yield* rowsOf(tx, rows)
}

function journalQuery(tx: Tx) {
  return tx.selectFrom('ilp_journal').select(['seq', 'written_at', 'body']).orderBy('seq')
}

/** Finds them once, however many they are, and fetches a page at a time. */
async function* rowsOf(tx: Tx, rows: ReturnType<typeof journalQuery>): AsyncGenerator<JournalRow> {
  // All of them are wanted: the plan that has the first one soonest would walk the whole journal in its order.
  await sql`SET LOCAL cursor_tuple_fraction = 1`.execute(tx)
  await sql`DECLARE journal_rows NO SCROLL CURSOR FOR ${rows}`.execute(tx)
  for (;;) {
    const page = await sql<Pick<Selectable<IlpJournalTable>, 'seq' | 'written_at' | 'body'>>`
      FETCH ${sql.raw(String(PAGE_ROWS))} FROM journal_rows`.execute(tx)
    for (const { seq, written_at, body } of page.rows)
      yield { seq, writtenAtMs: Number(written_at), entries: decodeJournalBody(body) }
    if (page.rows.length < PAGE_ROWS) break
  }
  await sql`CLOSE journal_rows`.execute(tx)
}

export interface JournalAge {
  /** The fate of all packets of earlier rows is known. */
  readonly replayFrom: bigint
  /** Rows that are older and tell of no such packet are removed. */
  readonly beforeMs: number
}

export async function noteReplayFrom(tx: Tx, replayFrom: bigint): Promise<void> {
  await tx
    .updateTable('ilp_journal_progress')
    .set({ replay_from: replayFrom })
    .where('replay_from', '<', replayFrom)
    .execute()
}

/** Removes old rows, `PRUNE_ROWS` at most; returns how many it has removed. */
export async function pruneRows(tx: Tx, { replayFrom, beforeMs }: JournalAge): Promise<number> {
  const { numDeletedRows } = await tx
    .deleteFrom('ilp_journal')
    .where('seq', 'in', (rows) =>
      rows
        .selectFrom('ilp_journal')
        .select('seq')
        .where('written_at', '<', BigInt(beforeMs))
        .where('seq', '<', replayFrom)
        .limit(PRUNE_ROWS),
    )
    .executeTakeFirst()
  return Number(numDeletedRows)
}
