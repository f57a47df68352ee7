/** Bounds of the intake. Memory is reserved for the tables at once, and used as they fill. */
export interface IntakeLimits {
  /** Observations that wait for delivery before sockets are held: 42 bytes each. */
  readonly maxRows: number
  /** Events of one generation of the table of seen events, 40 bytes each; the table has two. */
  readonly maxSeenEvents: number
  /** A generation is dropped when the one after it is as old, in seconds. */
  readonly seenSeconds: number
  /** Authors that are remembered in order to know new ones, 24 bytes each, in two generations. */
  readonly maxAuthors: number
  /** New authors that a relay may show in one window without anybody else showing them. */
  readonly maxLoneAuthors: number
  readonly loneAuthorsWindowSeconds: number
  /** Events whose signature waits for the answer of the shared table. */
  readonly maxAsking: number
}

export const DEFAULT_INTAKE_LIMITS: IntakeLimits = {
  maxRows: 100_000,
  maxSeenEvents: 2_000_000,
  seenSeconds: 86_400,
  maxAuthors: 1_000_000,
  maxLoneAuthors: 20_000,
  loneAuthorsWindowSeconds: 3_600,
  maxAsking: 4_096,
}
