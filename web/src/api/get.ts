import { type Failure, failureOf } from './failure.ts'
import { noteServerDate } from './server-clock.ts'

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly failure: Failure }

const TIMEOUT_MS = 20_000

/**
 * One question to the API, under `/api/v1`. The body is taken to be what `bodies.ts` says: page and program come from
 * the same commit.
 */
export async function get<T extends object>(path: string, aborted?: AbortSignal): Promise<Result<T>> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const response = await fetch(`/api/v1${path}`, {
      headers: { accept: 'application/json' },
      // Answers may be kept and shown while they are asked again: that is for others. Here each is asked for, which costs nothing
      // where it is the same.
      cache: 'no-cache',
      signal: aborted === undefined ? timeout : AbortSignal.any([aborted, timeout]),
    })
    noteServerDate(response.headers.get('date'), Date.now())
    const body: unknown = await response.json().catch(() => undefined)
    if (response.ok && typeof body === 'object' && body !== null) return { ok: true, value: body as T }
    const { status, headers } = response
    const failure = failureOf({
      status,
      retryAfter: headers.get('retry-after'),
      message: response.ok ? 'The answer was not JSON.' : messageOf(body),
      nowMs: Date.now(),
    })
    return { ok: false, failure }
  } catch {
    if (timeout.aborted) {
      const message = `No answer within ${TIMEOUT_MS / 1000} s.`
      return { ok: false, failure: { kind: 'failed', status: 0, message } }
    }
    // fetch does not say more: no network, or nobody listens there.
    return { ok: false, failure: { kind: 'offline' } }
  }
}

/** Refusals are `{error: {code, message}}`. */
function messageOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('error' in body)) return undefined
  const { error } = body
  if (typeof error !== 'object' || error === null || !('message' in error)) return undefined
  return typeof error.message === 'string' ? error.message : undefined
}
