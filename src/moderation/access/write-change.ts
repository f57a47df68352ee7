/** A planned change, carried out on the rows of a transaction that holds the state row. */
import { isDeepStrictEqual } from 'node:util'
import type { Transaction } from 'kysely'
import type { Json } from '../../audit/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { AccessListName, ModerationAccessTable } from '../tables.ts'
import type { AccessEntry, ChangePlan } from './plan-change.ts'

/** How things stood and stand, for the audit log; equal when nothing had to be done. */
export interface WrittenChange {
  readonly before: Json
  readonly after: Json
  readonly isChanged: boolean
}

export interface WrittenBy {
  readonly actor: string
  readonly atSeconds: number
}

export async function writeChange(
  tx: Transaction<Tables>,
  plan: ChangePlan,
  by: WrittenBy,
): Promise<WrittenChange> {
  const { before, after } =
    plan.state === undefined ? await writeEntries(tx, plan, by) : await writeState(tx, plan.state)
  return { before, after, isChanged: !isDeepStrictEqual(before, after) }
}

async function writeEntries(tx: Transaction<Tables>, { put, drop = [] }: ChangePlan, by: WrittenBy) {
  const before: Record<string, Json> = {}
  const after: Record<string, Json> = {}
  for (const entry of drop) {
    const gone = await tx
      .deleteFrom('moderation_access')
      .where('list', '=', entry.list)
      .where('subject', '=', entry.subject)
      .returning(['reason', 'level', 'expires_at'])
      .executeTakeFirst()
    if (gone !== undefined) before[entry.list] = noteOf(gone)
  }
  if (put !== undefined) {
    const there = await tx
      .selectFrom('moderation_access')
      .select(['reason', 'level', 'expires_at'])
      .where('list', '=', put.list)
      .where('subject', '=', put.subject)
      .executeTakeFirst()
    const row = rowOf(put)
    if (there !== undefined) before[put.list] = noteOf(there)
    after[put.list] = noteOf(row)
    if (!isDeepStrictEqual(before[put.list], after[put.list])) await upsert(tx, put.list, row, by)
  }
  return { before, after }
}

async function upsert(
  tx: Transaction<Tables>,
  list: AccessListName,
  row: ReturnType<typeof rowOf>,
  { actor, atSeconds }: WrittenBy,
): Promise<void> {
  const written = { ...row, added_by: actor, added_at: BigInt(atSeconds) }
  const { subject: _, ...rest } = written
  await tx
    .insertInto('moderation_access')
    .values({ list, ...written })
    .onConflict((conflict) => conflict.columns(['list', 'subject']).doUpdateSet(rest))
    .execute()
}

async function writeState(tx: Transaction<Tables>, state: NonNullable<ChangePlan['state']>) {
  const columns = ['maintenance', 'max_connections', 'name', 'description', 'icon'] as const
  const row = await tx.selectFrom('moderation_state').select(columns).executeTakeFirstOrThrow()
  const changed = columns.filter((column) => state[column] !== undefined)
  if (changed.length > 0) await tx.updateTable('moderation_state').set(state).execute()
  return {
    before: Object.fromEntries(changed.map((column) => [column, row[column]])),
    after: Object.fromEntries(changed.map((column) => [column, state[column] ?? null])),
  }
}

function rowOf({ subject, reason = '', level }: AccessEntry) {
  return {
    subject,
    reason,
    level: level?.level ?? null,
    expires_at: level?.expiresAtSeconds === undefined ? null : BigInt(level.expiresAtSeconds),
  }
}

type Noted = Pick<ModerationAccessTable, 'reason' | 'level' | 'expires_at'>

function noteOf({ reason, level, expires_at }: Noted): Json {
  if (level === null) return { reason }
  return { level, expiresAtSeconds: expires_at === null ? null : Number(expires_at) }
}
