import type { PacketAnswer, PacketIntent } from '../books.ts'
import { isFulfilledBy } from '../is-fulfilled-by.ts'

/** A packet that we sent to a peer and whose fate only the peer knows. */
export interface Fate {
  readonly intent: PacketIntent
  /** We crashed while it was under way: nobody waits for it here, and upstream asks us. */
  readonly isOfEarlierRun: boolean
  /** Behind this it is not passed on upstream any more, Unix milliseconds; never of an earlier run, where nobody waits. */
  readonly giveUpAtMs: number
  /**
   * `asked`: it may still be passed on upstream. `giving-up` waits for the books. `given-up`: upstream knows that it failed.
   * `unwritten`: the books are closed; upstream is not told anything, and the next run asks.
   */
  state: 'asked' | 'giving-up' | 'given-up' | 'unwritten'
  /** For who waits; absent when nobody does any more. */
  settle: ((fulfillment?: Buffer) => void) | undefined
}

/**
 * What follows from an answer. `pass-on`: it counts, and who waits passes it on. `book`: it counts, and nobody waits.
 * `refuse`: it came too late. `end`: it came to nothing. `lie`: the peer names a fulfilment that is none. `wait`: ask again.
 */
export type Verdict = 'pass-on' | 'book' | 'refuse' | 'end' | 'lie' | 'wait'

export function judge(fate: Fate, answer: PacketAnswer): Verdict {
  if (answer.state === 'pending' || fate.state === 'giving-up' || fate.state === 'unwritten') return 'wait'
  if (answer.state === 'none') return 'end'
  if (!isFulfilledBy(fate.intent, answer.fulfillment)) return 'lie'
  if (fate.state === 'given-up') return 'refuse'
  return fate.isOfEarlierRun ? 'book' : 'pass-on'
}
