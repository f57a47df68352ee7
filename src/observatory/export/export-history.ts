/** History as a file: CSV, JSON or Parquet. */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Kysely, sql, type Transaction } from 'kysely'
import { AppError } from '../../kernel/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import { runInDuckDb } from './duckdb.ts'
import { type ExportName, type ExportPlan, PLANS } from './exports.ts'

export const EXPORT_FORMATS = ['csv', 'json', 'parquet'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

export interface ExportRequest {
  readonly what: ExportName
  readonly format: ExportFormat
  /** From this second on, in seconds since 1970. Absent: from the beginning. */
  readonly sinceSeconds?: number
  /** Up to, and without, this second. Absent: until the end. */
  readonly untilSeconds?: number
}

/** Of one file; whoever wants more asks for one span after the other. */
const MAX_ROWS = 20_000_000
const MAX_BYTES = 4 * 1024 ** 3
const FETCH_ROWS = 5_000
/** Exports that are made at the same time. */
const MAX_AT_ONCE = 2
/** A snapshot of ten thousand relays has some megabytes. */
const MAX_LINE_BYTES = 64 * 1024 * 1024
/** `timestamptz` in PostgreSQL and the millennia of whoever asks. */
const LATEST_SECONDS = 0xffff_ffff

let underWay = 0

/**
 * The rows as they stand at one moment, as a file that is read once and then removed. JSON is one array; whole numbers beyond
 * 64 bits (millisatoshi) are texts in it, and decimals in Parquet.
 *
 * @throws AppError OBSERVATORY_EXPORT_UNAVAILABLE without DuckDB; OBSERVATORY_EXPORT_FAILED for more rows than one file may
 * have, when too many are exported at once, or when the disk or DuckDB fails; and what the database says.
 */
export async function exportHistory(db: Kysely<Tables>, request: ExportRequest): Promise<Readable> {
  if (underWay >= MAX_AT_ONCE)
    throw new AppError(
      'OBSERVATORY_EXPORT_FAILED',
      `${MAX_AT_ONCE} exports are under way; try again in a while.`,
    )
  underWay++
  const folder = await mkdtemp(join(tmpdir(), 'stoa-export-')).catch((error: unknown) => {
    underWay--
    throw error
  })
  const remove = async () => {
    underWay--
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const file = join(folder, `history.${request.format}`)
    await writeFile(db, request, { folder, file })
    const stream = createReadStream(file)
    stream.once('close', () => void remove().catch(() => {}))
    return stream
  } catch (error) {
    await remove()
    throw error
  }
}

interface Places {
  readonly folder: string
  readonly file: string
}

async function writeFile(
  db: Kysely<Tables>,
  request: ExportRequest,
  { folder, file }: Places,
): Promise<void> {
  const plan = PLANS[request.what]
  const lines = join(folder, 'rows.ndjson')
  // Without DuckDB nothing is read.
  await runInDuckDb('SELECT 1', folder)
  await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute((tx) => pipeline(Readable.from(linesOf(tx, plan, request)), createWriteStream(lines)))
  try {
    await runInDuckDb(copyStatement(plan, request.format, { lines, file }), folder)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AppError('OBSERVATORY_EXPORT_FAILED', `DuckDB could not write the file: ${reason}`, { cause })
  }
}

/** Each row as JSON, as PostgreSQL writes it. */
async function* linesOf(
  tx: Transaction<Tables>,
  plan: ExportPlan,
  request: ExportRequest,
): AsyncGenerator<string> {
  const { sinceSeconds = 0, untilSeconds = LATEST_SECONDS } = request
  const span = {
    since: sql<Date>`to_timestamp(${sinceSeconds}::float8)`,
    until: sql<Date>`to_timestamp(${untilSeconds}::float8)`,
  }
  await sql`DECLARE stoa_export NO SCROLL CURSOR FOR SELECT row_to_json(x)::text AS line FROM (${plan.query(span)}) x`.execute(
    tx,
  )
  let [count, bytes] = [0, 0]
  for (;;) {
    const { rows } = await sql<{ line: string }>`FETCH ${sql.lit(FETCH_ROWS)} FROM stoa_export`.execute(tx)
    if (rows.length === 0) return
    const page = `${rows.map(({ line }) => line).join('\n')}\n`
    count += rows.length
    bytes += page.length
    if (count > MAX_ROWS || bytes > MAX_BYTES)
      throw new AppError(
        'OBSERVATORY_EXPORT_FAILED',
        `There are more than ${MAX_ROWS} rows or ${MAX_BYTES} bytes; ask for a shorter time.`,
      )
    yield page
  }
}

function copyStatement(
  { columns }: ExportPlan,
  format: ExportFormat,
  { lines, file }: { readonly lines: string; readonly file: string },
): string {
  const read = Object.keys(columns).map((name) => `${quoted(name)}: 'VARCHAR'`)
  const typed = Object.entries(columns).map(([name, type]) => `${cast(name, type, format)} AS "${name}"`)
  const options = {
    csv: 'FORMAT csv, HEADER true',
    json: 'FORMAT json, ARRAY true',
    parquet: 'FORMAT parquet',
  }[format]
  return `COPY (
    SELECT ${typed.join(', ')}
    FROM read_json(${quoted(lines)}, format = 'newline_delimited', maximum_object_size = ${MAX_LINE_BYTES}, columns = {${read.join(', ')}})
  ) TO ${quoted(file)} (${options})`
}

/** JSON has no whole numbers of that size. A type that only JSON has is a text elsewhere. */
function cast(name: string, type: string, format: ExportFormat): string {
  const isTextThere = format === 'json' ? type.startsWith('DECIMAL') : type === 'JSON'
  return isTextThere ? `"${name}"` : `CAST("${name}" AS ${type})`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
