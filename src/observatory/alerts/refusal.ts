import { type Outcome, type Refusal, refused } from '../../kernel/index.ts'

/** Why something about alerts was not done; `text` is for whoever asked. */
export interface AlertRefusal extends Refusal {
  readonly code: 'INVALID' | 'LIMIT_REACHED' | 'NOT_FOUND'
}

export type AlertOutcome<T> = Outcome<T, AlertRefusal>

export function refuse(
  code: AlertRefusal['code'],
  text: string,
): { readonly ok: false; readonly refusal: AlertRefusal } {
  return refused({ code, text })
}
