/** Why there are no figures, as far as a visitor can do something about it. */
export type Failure =
  | { readonly kind: 'offline' }
  /** Too many requests, or not ready: tried again at that moment, by the clock of this machine. */
  | { readonly kind: 'limited'; readonly retryAtMs: number }
  | { readonly kind: 'not-ready'; readonly retryAtMs: number }
  | { readonly kind: 'not-found'; readonly message: string }
  | { readonly kind: 'failed'; readonly status: number; readonly message: string }

/** When a server does not say how long. */
const LIMITED_MS = 60_000
const NOT_READY_MS = 5_000
/** However long a server says: whoever waits longer reloads the page. */
const MAX_WAIT_MS = 3_600_000

/** After a question that had no answer, where the server does not say when. */
const AGAIN_MS = 10_000

/** After how many milliseconds the same is asked again; undefined where that is of no use. */
export function askAgainMs(failure: Failure, nowMs: number): number | undefined {
  if (failure.kind === 'not-found') return undefined
  return 'retryAtMs' in failure ? Math.max(1000, failure.retryAtMs - nowMs) : AGAIN_MS
}

export interface Answer {
  readonly status: number
  readonly retryAfter: string | null
  /** The message of the body, if it has one. */
  readonly message: string | undefined
  readonly nowMs: number
}

/** What an answer other than 2xx means. */
export function failureOf({ status, retryAfter, message, nowMs }: Answer): Failure {
  if (status === 429)
    return { kind: 'limited', retryAtMs: nowMs + retryAfterMs(retryAfter, nowMs, LIMITED_MS) }
  if (status === 503)
    return { kind: 'not-ready', retryAtMs: nowMs + retryAfterMs(retryAfter, nowMs, NOT_READY_MS) }
  if (status === 404) return { kind: 'not-found', message: message ?? 'There is nothing at this address.' }
  return { kind: 'failed', status, message: message ?? `The server answered ${status}.` }
}

/** `Retry-After` is seconds or a date (RFC 9110, 10.2.3). */
function retryAfterMs(text: string | null, nowMs: number, otherwiseMs: number): number {
  if (text === null || text.trim() === '') return otherwiseMs
  const seconds = Number(text)
  const waitMs = Number.isNaN(seconds) ? Date.parse(text) - nowMs : seconds * 1000
  if (Number.isNaN(waitMs)) return otherwiseMs
  return Math.min(MAX_WAIT_MS, Math.max(1000, waitMs))
}
