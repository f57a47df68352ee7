import { type Outcome, type Refusal, refused } from '../kernel/index.ts'

/** Why accounts did not do it. `text` may be shown to whoever asked: it tells nothing about others. */
export interface AccountRefusal extends Refusal {
  readonly code:
    | 'BUSY'
    | 'INVALID'
    | 'KEY_TAKEN'
    | 'LIMIT_REACHED'
    | 'NAME_TAKEN'
    | 'NOT_ALLOWED'
    | 'NOT_FOUND'
    | 'RATE_LIMITED'
    | 'REFRESH_RACE'
    | 'SIGN_IN_REFUSED'
    | 'SIGN_UP_CLOSED'
    | 'TOKEN_INVALID'
  /** After how long it may be tried again; only with `RATE_LIMITED`. */
  readonly retryAfterSeconds?: number
}

export type AccountOutcome<T> = Outcome<T, AccountRefusal>

export function refuse(
  code: AccountRefusal['code'],
  text: string,
): { readonly ok: false; readonly refusal: AccountRefusal } {
  return refused({ code, text })
}
