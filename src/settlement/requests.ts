/** Requests that are done once for their key (RFC-0038, `Idempotency-Key`), in the transaction that does them. */
import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Tx } from './tables.ts'

export type FirstTime = 'first' | 'again' | 'other'

/** `again`: this request was done before; `other`: one with its key, but of another content, was. Waits for one under way. */
export async function claimKey(
  tx: Tx,
  request: { readonly scope: string; readonly key: string; readonly content: Buffer; readonly nowMs: number },
): Promise<FirstTime> {
  const { scope, key, nowMs } = request
  const content = digestOf(request.content)
  const inserted = await tx
    .insertInto('settlement_requests')
    .values({ scope, key, content, last_ms: BigInt(nowMs), answer: null })
    .onConflict((conflict) => conflict.doNothing())
    .returning('key')
    .execute()
  if (inserted.length > 0) return 'first'
  const found = await tx
    .updateTable('settlement_requests')
    .set({ last_ms: BigInt(nowMs) })
    .where('scope', '=', scope)
    .where('key', '=', key)
    .returning('content')
    .executeTakeFirst()
  return found?.content.equals(content) === true ? 'again' : 'other'
}

export function digestOf(content: Buffer): Buffer {
  return createHash('sha256').update(content).digest()
}

/** RFC-0038 asks for 24 hours since the last request with the key. */
const KEEP_KEYS_MS = 7 * 24 * 3_600_000
/** Keys forgotten at once. */
const MAX_FORGOTTEN = 10_000

/** Forgets keys that nobody has shown for a week. Those of calls that have an answer are kept (`calls.ts`). */
export async function forgetOldRequests(tx: Tx, nowMs: number): Promise<void> {
  const before = BigInt(nowMs - KEEP_KEYS_MS)
  await sql`
    DELETE FROM settlement_requests WHERE ctid IN (
      SELECT ctid FROM settlement_requests WHERE answer IS NULL AND last_ms < ${before} LIMIT ${MAX_FORGOTTEN}
    ) AND answer IS NULL AND last_ms < ${before}`.execute(tx)
}
