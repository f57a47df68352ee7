/** Bounds of one BTP connection. */
export interface BtpLimits {
  /** A longer frame ends the connection. */
  readonly maxFrameBytes: number
  /** Requests of ours that wait for their answer; beyond it nothing is sent. */
  readonly maxAsked: number
  /** Requests of the peer that are worked on; beyond it they are refused with a BTP error. */
  readonly maxServed: number
  /** What the peer has not read yet: beyond it requests are not sent, and beyond twice that it is left. */
  readonly maxUnreadBytes: number
  /** Frames that cannot be read are passed over (RFC-0023, "Flow"); beyond so many the connection is ended. */
  readonly maxBrokenFrames: number
  /** From the TCP connection to the end of the authentication. */
  readonly connectTimeoutMs: number
  /** A connection without a sign of life over two such intervals is given up. */
  readonly pingIntervalMs: number
  /** The wait before a connection is tried again: from this … */
  readonly minReconnectMs: number
  /** … doubled up to this. */
  readonly maxReconnectMs: number
}

/** A packet with 32 KiB of data fits twice; so does a page of a reconciliation. */
const MAX_FRAME_BYTES = 128 * 1024

export const DEFAULT_BTP_LIMITS: BtpLimits = {
  maxFrameBytes: MAX_FRAME_BYTES,
  maxAsked: 20_000,
  maxServed: 20_000,
  maxUnreadBytes: 8 * 1024 * 1024,
  maxBrokenFrames: 100,
  connectTimeoutMs: 10_000,
  pingIntervalMs: 20_000,
  minReconnectMs: 250,
  maxReconnectMs: 30_000,
}

/** How often requests are looked through for those whose time is over. */
export const SWEEP_INTERVAL_MS = 100
/** A peer that does not answer our close has so long. */
export const CLOSE_TIMEOUT_MS = 1_000
