/** When observations are handed on, and how long that may take. Times in milliseconds. */
export interface DeliveryLimits {
  /** Whichever comes first. */
  readonly intervalMs: number
  readonly rows: number
  /** How often it is looked whether something is due. */
  readonly lookMs: number
  /** A delivery that takes longer has failed; should it be done nevertheless, it is harmless. */
  readonly timeoutMs: number
  /** After the first failure in a row; each further one doubles it up to the other. */
  readonly firstRetryMs: number
  readonly lastRetryMs: number
}

export const DEFAULT_DELIVERY_LIMITS: DeliveryLimits = {
  intervalMs: 1_000,
  rows: 1_000,
  lookMs: 100,
  timeoutMs: 60_000,
  firstRetryMs: 250,
  lastRetryMs: 30_000,
}
