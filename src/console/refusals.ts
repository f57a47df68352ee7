import { type Outcome, type Refusal, RefusedError, refused } from '../kernel/index.ts'

/** A refusal that says when to come back. */
interface TimedRefusal extends Refusal {
  readonly retryAfterSeconds?: number
}

/** How HTTP says what the parts say; a code that is not here is a 400. */
const STATUS_OF_CODE: ReadonlyMap<string, number> = new Map([
  ['UNAUTHORIZED', 401],
  ['SIGN_IN_REFUSED', 401],
  ['TOKEN_INVALID', 401],
  ['NOT_ALLOWED', 403],
  ['SIGN_UP_CLOSED', 403],
  ['NOT_FOUND', 404],
  ['UNKNOWN_ORDER', 404],
  ['DECIDED', 409],
  ['KEY_TAKEN', 409],
  ['LIMIT_REACHED', 409],
  ['NAME_TAKEN', 409],
  ['ORDER_ENDED', 409],
  ['ORDER_TAKEN', 409],
  ['ORDER_UNCERTAIN', 409],
  ['REFRESH_RACE', 409],
  ['RATE_LIMITED', 429],
  ['BUSY', 503],
  ['RAIL_SILENT', 503],
  ['UNAVAILABLE', 503],
])

/** What was done, or the refusal that was thrown on the way; other errors stay errors. */
export async function outcomeOf<T>(answer: Promise<Outcome<T, Refusal>>): Promise<Outcome<T, Refusal>> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof RefusedError) return refused(error.refusal)
    throw error
  }
}

export function statusOf({ code }: Refusal): number {
  return STATUS_OF_CODE.get(code) ?? 400
}

/** The body of a refusal, in the shape that every answer of this program has. */
export function refusalBody({ code, text }: Refusal) {
  return { error: { code, message: text } }
}

/** Headers that belong to a refusal. */
export function refusalHeaders(refusal: TimedRefusal): Readonly<Record<string, string>> {
  const status = statusOf(refusal)
  return {
    ...(status === 401 && { 'www-authenticate': 'Nostr, Bearer' }),
    ...(refusal.retryAfterSeconds !== undefined && { 'retry-after': String(refusal.retryAfterSeconds) }),
  }
}

export const UNAVAILABLE: Refusal = {
  code: 'UNAVAILABLE',
  text: 'this is not offered here, or not ready yet; try again in a moment',
}
