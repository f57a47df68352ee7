/** Jobs that were given up: they wait in a queue of their own until a person decides. */
import { sql } from 'kysely'
import type { Database } from '../database/index.ts'
import { deadLetterName } from './job-queue.ts'

export interface DeadLetter {
  readonly id: string
  readonly queue: string
  readonly key: string | undefined
  readonly data: unknown
  /** Why it failed the last time. */
  readonly reason: string
  readonly sinceMs: number
}

export interface FailurePage {
  /** Of this queue only. */
  readonly queue?: string
  /** The id of the last one of the page before. */
  readonly after?: string
  /** Default 100, at most 500. */
  readonly limit?: number
}

interface Row {
  readonly id: string
  readonly name: string
  readonly key: string | null
  readonly data: unknown
  readonly reason: string | null
  readonly since: Date
}

const DEFAULT_PAGE = 100
const MAX_PAGE = 500
const DEAD = sql`state IN ('created', 'retry')`
const COLUMNS = sql`id, name, singleton_key AS key, data, source_output->>'message' AS reason, created_on AS since`

/** The oldest of a queue. */
export async function deadLettersOf(
  { db }: Database,
  queue: string,
  limit = DEFAULT_PAGE,
): Promise<readonly DeadLetter[]> {
  const { rows } = await sql<Row>`
    SELECT ${COLUMNS} FROM pgboss.job
    WHERE name = ${deadLetterName(queue)} AND ${DEAD}
    ORDER BY created_on, id
    LIMIT ${limit}`.execute(db)
  return rows.map((row) => deadLetterOf(row, [queue]))
}

/** Those of all these queues by pages, the newest first. */
export async function failuresOf(
  { db }: Database,
  queues: readonly string[],
  { queue, after, limit = DEFAULT_PAGE }: FailurePage,
): Promise<readonly DeadLetter[]> {
  const asked = queue === undefined ? queues : queues.filter((name) => name === queue)
  const isBehind =
    after === undefined
      ? sql`true`
      : sql`(created_on, id) < (SELECT created_on, id FROM pgboss.job WHERE id = ${after}::uuid LIMIT 1)`
  const { rows } = await sql<Row>`
    SELECT ${COLUMNS} FROM pgboss.job
    WHERE name = ANY(${asked.map(deadLetterName)}) AND ${DEAD} AND ${isBehind}
    ORDER BY created_on DESC, id DESC
    LIMIT ${Math.min(Math.max(limit, 1), MAX_PAGE)}`.execute(db)
  return rows.map((row) => deadLetterOf(row, queues))
}

/** Which of these queues it was given up in; undefined when there is no such dead letter. */
export async function queueOfDeadLetter(
  { db }: Database,
  queues: readonly string[],
  id: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ name: string }>`
    SELECT name FROM pgboss.job
    WHERE id = ${id}::uuid AND name = ANY(${queues.map(deadLetterName)}) AND ${DEAD}`.execute(db)
  return queues.find((queue) => deadLetterName(queue) === rows[0]?.name)
}

function deadLetterOf({ id, name, key, data, reason, since }: Row, queues: readonly string[]): DeadLetter {
  return {
    id,
    queue: queues.find((queue) => deadLetterName(queue) === name) ?? name,
    key: key ?? undefined,
    data,
    reason: reason ?? '',
    sinceMs: since.getTime(),
  }
}
