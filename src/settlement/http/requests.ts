/** Requests and answers without a server, and requests that are done once for their `Idempotency-Key` (RFC-0038). */
import { createHash } from 'node:crypto'
import type { Tx } from '../tables.ts'

/** As it comes behind the prefix that the composition root serves it under. Who sent it has been established. */
export interface ApiRequest {
  readonly method: string
  /** Without the query: `/accounts/alice/settlements`. */
  readonly path: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Buffer
}

export interface ApiAnswer {
  readonly status: number
  readonly contentType?: string
  readonly body?: string | Buffer
}

const MAX_KEY_LENGTH = 200

export function idempotencyKeyOf({ headers }: ApiRequest): string | undefined {
  const key = headers['idempotency-key']
  return key === undefined || key === '' || key.length > MAX_KEY_LENGTH ? undefined : key
}

export type FirstTime = 'first' | 'again' | 'other'

/** `again`: this request was done before; `other`: one with its key, but of another content, was. Waits for one under way. */
export async function claimKey(
  tx: Tx,
  request: { readonly scope: string; readonly key: string; readonly content: Buffer; readonly nowMs: number },
): Promise<FirstTime> {
  const { scope, key, nowMs } = request
  const content = createHash('sha256').update(request.content).digest()
  const inserted = await tx
    .insertInto('settlement_requests')
    .values({ scope, key, content, last_ms: BigInt(nowMs) })
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

/** RFC-0038 asks for 24 hours since the last request with the key. */
export const KEEP_KEYS_MS = 7 * 24 * 3_600_000

export function json(status: number, body: string): ApiAnswer {
  return { status, contentType: 'application/json', body }
}

export function failed(status: number, code: string, message: string): ApiAnswer {
  return json(status, JSON.stringify({ error: { code, message } }))
}

export function bytes(status: number, body: Buffer): ApiAnswer {
  return { status, contentType: 'application/octet-stream', body }
}

/** `/accounts/<id>/<what>`; undefined when it is not such a path. */
export function accountPath(path: string): { readonly id: string; readonly what: string } | undefined {
  const found = /^\/accounts\/([A-Za-z0-9._~-]{1,200})(?:\/(settlements|messages))?$/.exec(path)
  return found === null ? undefined : { id: found[1] ?? '', what: found[2] ?? '' }
}
