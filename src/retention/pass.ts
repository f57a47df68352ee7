/** What a pass has at hand, and what it leaves behind. */
import type { EventStore } from '../events/index.ts'
import type { EventHead } from './event-head.ts'
import type { RetentionRules } from './rules.ts'

/** Why an event was removed: the NIP-40 time that its author set, or what the operator decided. */
export type RemovalReason = 'expired' | 'age' | 'count' | 'key-count' | 'disk'

/** What may change in a store, as retention sees it: the real one, or one that is only looked at. */
export interface Remover {
  /** Resolves to how many of these there were. */
  remove(heads: readonly EventHead[], reason: RemovalReason, rule: string): Promise<number>
}

export interface Pass {
  readonly store: EventStore
  readonly rules: RetentionRules
  /** Ages and expiry are judged by it, for the whole pass. */
  readonly nowSeconds: number
  readonly remover: Remover
  /** Aborted: the pass ends after the step in hand. What is left is found by the next one. */
  readonly signal: AbortSignal
  /** Told after each step how many events were looked at in it; resolves when the next may begin. */
  readonly rest: (examined: number) => Promise<void>
}

/** Events that one step reads, and at most removes. */
export const STEP_EVENTS = 500
