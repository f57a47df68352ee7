import { type Outcome, type Refusal, refused } from '../kernel/index.ts'

/** Why moderation did not do it. */
export interface ModerationRefusal extends Refusal {
  readonly code: /** The database is not ready, or has gone: nothing that has to be kept can be decided. */
    | 'UNAVAILABLE'
    /** Too much is waiting at this moment. */
    | 'BUSY'
    | 'INVALID'
    /** They may not judge this key. */
    | 'NOT_ALLOWED'
    | 'NOT_FOUND'
    /** It was decided before; the text says how. */
    | 'DECIDED'
    | 'LIMIT_REACHED'
}

export type ModerationOutcome<T> = Outcome<T, ModerationRefusal>

export function refuse(
  code: ModerationRefusal['code'],
  text: string,
): { readonly ok: false; readonly refusal: ModerationRefusal } {
  return refused({ code, text })
}
