import { type Kysely, sql, type Transaction } from 'kysely'
import type { Clock } from '../kernel/index.ts'
import { ADVISORY_LOCKS, type Tables } from '../platform/database/index.ts'
import {
  type AuditCheckpoint,
  type AuditEntriesTable,
  type AuditEntry,
  type AuditRecord,
  GENESIS_HASH,
  hashOf,
  type Json,
  storedFields,
} from './entries.ts'

/** The log of what people with power did: it is added to, and never changed. */
export interface AuditLog {
  /**
   * Writes a row in the caller's transaction: it is there exactly when the change is. Rows are written one after the
   * other, so whoever comes next waits for this transaction: record last, then commit.
   */
  record(tx: Transaction<Tables>, record: AuditRecord): Promise<AuditCheckpoint>
  /** The newest rows first. */
  list(query?: AuditQuery): Promise<readonly AuditEntry[]>
  /** The newest row; undefined while the log is empty. */
  head(): Promise<AuditCheckpoint | undefined>
}

export interface AuditQuery {
  /** Rows with smaller numbers only: the last number of the page before. */
  readonly beforeNumber?: number
  readonly actor?: string
  readonly action?: string
  readonly subject?: string
  /** At most 500. Default 100. */
  readonly limit?: number
}

export interface AuditDeps {
  readonly db: Kysely<Tables>
  readonly clock: Clock
}

type ApiKeyColumns = Pick<AuditEntriesTable, 'api_key_id' | 'api_key_name'>

const DEFAULT_PAGE = 100
const MAX_PAGE = 500

export function createAuditLog({ db, clock }: AuditDeps): AuditLog {
  return {
    record: (tx, record) => writeRecord(tx, clock, record),
    list: (query = {}) => listEntries(db, query),
    head: () => headOf(db),
  }
}

async function writeRecord(
  tx: Transaction<Tables>,
  clock: Clock,
  record: AuditRecord,
): Promise<AuditCheckpoint> {
  const fields = storedFields(record)
  // Held until the transaction ends, so that nobody reads a last row that is not the last when it is committed. A
  // transaction of a stricter isolation sees an older last row, and fails on the unique number: it never forks.
  await sql`SELECT pg_advisory_xact_lock(${ADVISORY_LOCKS.auditChain})`.execute(tx)
  const last = await tx
    .selectFrom('audit_entries')
    .select(['number', 'hash'])
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  const chained = {
    ...fields,
    number: (last?.number ?? 0n) + 1n,
    atMs: BigInt(clock.nowMs()),
    previousHash: last?.hash ?? GENESIS_HASH,
  }
  const hash = hashOf(chained)
  await tx
    .insertInto('audit_entries')
    .values({
      number: chained.number,
      at_ms: chained.atMs,
      actor: chained.actor,
      role: chained.role,
      action: chained.action,
      subject: chained.subject,
      before_json: chained.beforeJson,
      after_json: chained.afterJson,
      api_key_id: chained.apiKey?.id ?? null,
      api_key_name: chained.apiKey?.name ?? null,
      previous_hash: chained.previousHash,
      hash,
    })
    .execute()
  return { number: Number(chained.number), hash: hash.toString('hex') }
}

async function listEntries(db: Kysely<Tables>, query: AuditQuery): Promise<readonly AuditEntry[]> {
  const { beforeNumber, limit = DEFAULT_PAGE } = query
  const rows = await db
    .selectFrom('audit_entries')
    .select(['number', 'at_ms', 'actor', 'role', 'action', 'subject', 'api_key_id', 'api_key_name', 'hash'])
    // As texts: parsed by the driver, a `null` that was noted would be taken for one that was not.
    .select([
      sql<string | null>`before_json::text`.as('before_text'),
      sql<string | null>`after_json::text`.as('after_text'),
    ])
    .$if(beforeNumber !== undefined, (rest) => rest.where('number', '<', BigInt(beforeNumber ?? 0)))
    .$if(query.actor !== undefined, (rest) => rest.where('actor', '=', query.actor ?? ''))
    .$if(query.action !== undefined, (rest) => rest.where('action', '=', query.action ?? ''))
    .$if(query.subject !== undefined, (rest) => rest.where('subject', '=', query.subject ?? ''))
    .orderBy('number', 'desc')
    .limit(Math.min(Math.max(limit, 1), MAX_PAGE))
    .execute()
  return rows.map((row) => ({
    number: Number(row.number),
    atMs: Number(row.at_ms),
    actor: row.actor,
    role: row.role,
    ...apiKeyOf(row),
    action: row.action,
    subject: row.subject,
    ...(row.before_text === null ? {} : { before: parsed(row.before_text) }),
    ...(row.after_text === null ? {} : { after: parsed(row.after_text) }),
    hash: row.hash.toString('hex'),
  }))
}

function apiKeyOf({ api_key_id: id, api_key_name: name }: ApiKeyColumns): Pick<AuditRecord, 'apiKey'> {
  return id === null || name === null ? {} : { apiKey: { id, name } }
}

/** What `JSON.parse` makes of a text is a `Json`; only its declaration says `any`. */
function parsed(text: string): Json {
  return JSON.parse(text)
}

async function headOf(db: Kysely<Tables>): Promise<AuditCheckpoint | undefined> {
  const row = await db
    .selectFrom('audit_entries')
    .select(['number', 'hash'])
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? undefined : { number: Number(row.number), hash: row.hash.toString('hex') }
}
