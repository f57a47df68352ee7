import { KINDS, type NostrEvent } from '../../nostr/index.ts'
import { isKnown } from './access.ts'
import { definePolicy, type WriteContext } from './policy.ts'
import { SpamScorer } from './spam-score.ts'
import { verdictOf } from './verdicts.ts'

/** Texts that people read: notes, chat, comments, forum posts. */
const SCORED: ReadonlySet<number> = new Set([KINDS.TEXT_NOTE, 9, 11, 42, 1111, 1311])

/** Texts that look like spam. The threshold is in hundredths of the sum that `spam-score.ts` makes; 0 switches it off. */
export const spam = definePolicy({
  name: 'spam',
  pick: ({ policies }) => (policies.spam.threshold === 0 ? undefined : policies.spam),
  create: ({ threshold, action }, { lists }) => {
    const scorer = new SpamScorer()
    const isScored = (event: NostrEvent, context: WriteContext): boolean =>
      SCORED.has(event.kind) && !isKnown(event, context, lists)
    return {
      name: 'spam',
      stage: 'after-signature',
      judge: (event, context) => {
        if (!isScored(event, context)) return undefined
        const { score, signs } = scorer.score(event, context.nowSeconds)
        if (score * 100 < threshold) return undefined
        // The author is not told which signs: that would teach the next attempt.
        return action === 'hold'
          ? { do: 'hold', why: `it looks like spam: ${signs.join(', ')}` }
          : verdictOf(action, 'it looks like spam')
      },
    }
  },
})
