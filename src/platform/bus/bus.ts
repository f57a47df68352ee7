import type { Outcome } from '../../kernel/index.ts'

/**
 * What the processes of one Stoa share while they run: messages, short-lived values, rates, leases. Nothing in it has
 * to outlive a restart. Two adapters (memory, Redis) pass `contract.ts`.
 *
 * Nothing here throws because the other side is away: an operation answers with a refusal within `OPERATION_TIMEOUT_MS`,
 * at once when the connection is known to be lost. A refusal says that no answer came, not that nothing was done: the
 * connection may have broken behind the change. Keys and channels are texts; the Redis adapter puts the configured
 * prefix before them.
 */
export interface Bus {
  /**
   * Sends a message to every subscriber of the channel, in this process too. Never waits and never fails: while the
   * other side is away, messages are held within `MAX_HELD_MESSAGES` and `MAX_HELD_BYTES`, and the oldest are dropped
   * and counted. Delivery is at most once. The payload belongs to the bus from here on.
   */
  publish(channel: string, payload: Uint8Array): void
  subscribe(channel: string, listener: BusListener): BusSubscription

  get(key: string): Promise<BusOutcome<string | undefined>>
  /** @param options.ttlMs the value vanishes after so many milliseconds; absent: it stays. */
  set(key: string, value: string, options?: { readonly ttlMs?: number }): Promise<BusOutcome<void>>
  /** True when the key was absent and now holds the value; one of several callers at once gets it. */
  setIfAbsent(key: string, value: string, options: { readonly ttlMs: number }): Promise<BusOutcome<boolean>>
  /** Removes the key, whatever it holds. */
  delete(key: string): Promise<BusOutcome<void>>
  /** True when the key is there; it now vanishes after `ttlMs` from here. */
  renew(key: string, ttlMs: number): Promise<BusOutcome<boolean>>
  /** Adds to a counter that starts at 0, and answers what it holds then. `by` may be negative. */
  increment(key: string, by: number): Promise<BusOutcome<number>>

  /**
   * Takes tokens from a bucket that all processes share. Always answers: while the other side is away, from a bucket
   * of this process alone with the same rate.
   */
  takeToken(key: string, rate: TokenRate, tokens?: number): Promise<TokenAnswer>

  /** Makes all the changes, at most `MAX_CHANGES`, in this order and at once: nobody sees half of them. */
  apply(changes: readonly BusChange[]): Promise<BusOutcome<void>>

  setSize(key: string): Promise<BusOutcome<number>>
  setMembers(key: string): Promise<BusOutcome<readonly string[]>>
  /** Which of some texts are members, at most `MAX_CHANGES`, in the order asked for. */
  knownMembers(key: string, members: readonly string[]): Promise<BusOutcome<readonly boolean[]>>
  /**
   * A page of a set. A member that is there from the first page to the last comes at least once, in no order.
   *
   * @param cursor undefined for the first page.
   * @param countHint about how many to look at; a page may hold more, fewer, or none.
   */
  setPage(key: string, cursor: string | undefined, countHint: number): Promise<BusOutcome<SetPage>>
  /** The values of some fields, at most `MAX_CHANGES`, in the order asked for. */
  hashValues(key: string, fields: readonly string[]): Promise<BusOutcome<readonly (string | undefined)[]>>
  hashAll(key: string): Promise<BusOutcome<ReadonlyMap<string, string>>>

  status(): BusStatus
  /** What the other side takes of its memory; absent where there is no other side. */
  memory?(): Promise<BusOutcome<BusMemory>>
  /** Called each time the bus works again after it was away. Returns how to stop listening. */
  onRecovered(listener: () => void): () => void
  /** Sends what waits, as far as it can, and leaves. What is asked afterwards is refused with `BUS_CLOSED`. */
  close(): Promise<void>
}

/** An operation that is not answered in this time is refused. */
export const OPERATION_TIMEOUT_MS = 2_000
/** Messages that wait while the other side is away. */
export const MAX_HELD_MESSAGES = 1_000
export const MAX_HELD_BYTES = 4 * 1024 * 1024
/** Changes in one `apply`. */
export const MAX_CHANGES = 10_000

export type BusListener = (payload: Buffer) => void

export interface BusSubscription {
  /** Resolves when messages published from then on arrive: for Redis when it has said so. Never rejects. */
  readonly ready: Promise<void>
  stop(): void
}

/** Why the bus did not do it. `text` is fit for a log. */
export interface BusRefusal {
  readonly code: 'BUS_DOWN' | 'BUS_BUSY' | 'BUS_FAILED' | 'BUS_CLOSED'
  readonly text: string
}

export type BusOutcome<T> = Outcome<T, BusRefusal>

/** How fast a bucket fills and how much it holds. */
export interface TokenRate {
  readonly perSecond: number
  readonly burst: number
}

export interface TokenAnswer {
  readonly isAllowed: boolean
  /** After how long the tokens asked for will be there; 0 when they were taken, infinite when they never will. */
  readonly retryAfterMs: number
  /** `local` while the other side is away: each process then has a bucket of its own. */
  readonly from: 'shared' | 'local'
}

export type BusChange =
  | { readonly do: 'set'; readonly key: string; readonly value: string; readonly ttlMs?: number }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'renew'; readonly key: string; readonly ttlMs: number }
  | { readonly do: 'addMembers'; readonly key: string; readonly members: readonly string[] }
  | { readonly do: 'removeMembers'; readonly key: string; readonly members: readonly string[] }
  | { readonly do: 'setFields'; readonly key: string; readonly fields: readonly BusField[] }
  | { readonly do: 'removeFields'; readonly key: string; readonly fields: readonly string[] }

export type BusField = readonly [field: string, value: string]

export interface SetPage {
  readonly members: readonly string[]
  /** Undefined after the last page. */
  readonly next: string | undefined
}

export interface BusStatus {
  readonly kind: 'memory' | 'redis'
  /** `degraded`: the other side is away; this process goes on alone. */
  readonly state: 'ok' | 'degraded' | 'closed'
  /** What was wrong last, for the operator; never holds the URL. */
  readonly lastError: string | undefined
  readonly counters: BusCounters
}

export interface BusMemory {
  readonly usedBytes: number
  /** 0: no limit is set there. */
  readonly maxBytes: number
}

/** Plain numbers since the bus was opened; `held` and `subscriptions` are as of now. */
export interface BusCounters {
  readonly published: number
  readonly received: number
  /** Messages that were not sent, or of which nobody knows. */
  readonly dropped: number
  /** Messages waiting for the other side to come back. */
  readonly held: number
  readonly subscriptions: number
  /** Operations that were answered by a refusal. */
  readonly refused: number
  /** Tokens that were asked of the bucket of this process alone. */
  readonly localTokens: number
  /** How many times the other side came back. */
  readonly recoveries: number
}
