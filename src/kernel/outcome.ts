/** Why something was not done, when the caller has nothing more exact to say it with. */
export interface Refusal {
  /** Stable, for programs: `SHORT_FUNDS`. */
  readonly code: string
  /** One sentence for people: what happened, with the number in it, and what to do. */
  readonly text: string
}

/**
 * What a function returns when a caller should expect "no". Faults (bugs, a broken world) are thrown as
 * `AppError` instead.
 */
export type Outcome<T, R = Refusal> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: R }

/** It was done, and this is the result. */
export function accepted<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}

/** It was not done, and this is why. */
export function refused<R>(refusal: R): { readonly ok: false; readonly refusal: R } {
  return { ok: false, refusal }
}

/**
 * What is thrown where an answer has no room for a refusal: a list that is kept by another process, which does not answer.
 * Doors answer it as if it had been returned.
 */
export class RefusedError extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.text)
    this.refusal = refusal
  }
}
