/** Bounds of the RPC, on both ends. */

/** Of one server. Strangers are connections that have not shown a token yet. */
export interface RpcLimits {
  readonly maxConnections: number
  readonly maxStrangers: number
  /** A longer message ends the connection (1009). */
  readonly maxPayloadBytes: number
  /** From the upgrade to a token that is known. */
  readonly authTimeoutMs: number
  /** What a client has not read yet: beyond it, it is left. */
  readonly maxUnreadBytes: number
  /** Messages that cannot be read are answered; beyond so many the connection is ended. */
  readonly maxBrokenMessages: number
  /** Of one connection, at the same time. */
  readonly maxCalls: number
  readonly maxSubscriptions: number
  /** A connection that is silent for so long is asked for a sign of life … */
  readonly pingIntervalMs: number
  /** … and left when none comes in this time. */
  readonly pongTimeoutMs: number
}

/** A page of 1,000 lines of a statement is a third of it. */
const MAX_PAYLOAD_BYTES = 1024 * 1024

export const DEFAULT_RPC_LIMITS: RpcLimits = {
  maxConnections: 100,
  maxStrangers: 50,
  maxPayloadBytes: MAX_PAYLOAD_BYTES,
  authTimeoutMs: 5_000,
  maxUnreadBytes: 8 * MAX_PAYLOAD_BYTES,
  maxBrokenMessages: 100,
  maxCalls: 1_000,
  maxSubscriptions: 100,
  pingIntervalMs: 20_000,
  pongTimeoutMs: 10_000,
}

/** What a stranger may send: room for the token and for the calls that come right behind it. */
export const MAX_STRANGER_BYTES = 64 * 1024
/**
 * A wrong token is answered so late. It slows down whoever guesses, and calls sent right behind the token get their answer
 * (UNAUTHORIZED) before the connection ends.
 */
export const REFUSAL_DELAY_MS = 100
/** A client that does not answer our close has so long. */
export const CLOSE_TIMEOUT_MS = 1_000
/** Shorter ones can be guessed. */
export const MIN_TOKEN_LENGTH = 32
export const MAX_TOKEN_LENGTH = 500

/** In this process there is one caller, who shares nothing with others: as much as the ledger lets it follow. */
export const MAX_IN_PROCESS_SUBSCRIPTIONS = 10_000
/** Answers to a client: `peers.list` of a large node. */
export const MAX_ANSWER_BYTES = 16 * MAX_PAYLOAD_BYTES
/** A call is given up by its client. */
export const CALL_TIMEOUT_MS = 30_000
/** A payment goes on after it; asked again with its key, it tells what became of it. */
export const PAYMENT_TIMEOUT_MS = 600_000
export const HANDSHAKE_TIMEOUT_MS = 10_000
/** The wait before a connection is tried again: from this, doubled up to that. */
export const MIN_RECONNECT_MS = 250
export const MAX_RECONNECT_MS = 5_000
