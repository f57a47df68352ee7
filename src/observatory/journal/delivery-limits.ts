/** When observations are handed on, and how long that may take. Times in milliseconds. */
export interface DeliveryLimits {
  /** Observations: whichever comes first. */
  readonly intervalMs: number
  readonly rows: number
  /** What was learnt of relays: no oftener, and as often where nothing is observed. */
  readonly reportsMs: number
  /** How often it is looked whether something is due. */
  readonly lookMs: number
  /** A delivery that takes longer has failed; should it be done nevertheless, it is harmless. */
  readonly timeoutMs: number
  /** After the first failure in a row; each further one doubles it up to the other. */
  readonly firstRetryMs: number
  readonly lastRetryMs: number
}

export const DEFAULT_DELIVERY_LIMITS: DeliveryLimits = {
  // A figure is to be a second old at most, and this is the first part of the way.
  intervalMs: 250,
  rows: 1_000,
  reportsMs: 1_000,
  lookMs: 100,
  timeoutMs: 60_000,
  firstRetryMs: 250,
  lastRetryMs: 30_000,
}
