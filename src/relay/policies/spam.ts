import { isSpamScoredKind } from '../../events/index.ts'
import type { NostrEvent } from '../../nostr/index.ts'
import { isKnown } from './access.ts'
import { definePolicy, type WriteContext } from './policy.ts'
import { SpamScorer } from './spam-score.ts'
import { verdictOf } from './verdicts.ts'

/** Texts that look like spam. The threshold is in hundredths of the sum that `spam-score.ts` makes; 0 switches it off. */
export const spam = definePolicy({
  name: 'spam',
  pick: ({ policies }) => {
    // What searches leave out is no business of this rule: it keeps what it has learnt when only that changes.
    const { threshold, action } = policies.spam
    return threshold === 0 ? undefined : { threshold, action }
  },
  create: ({ threshold, action }, { lists }) => {
    const scorer = new SpamScorer()
    const isScored = (event: NostrEvent, context: WriteContext): boolean =>
      isSpamScoredKind(event.kind) && !isKnown(event, context, lists)
    return {
      name: 'spam',
      stage: 'after-signature',
      judge: (event, context) => {
        if (!isScored(event, context)) return undefined
        const { score, signs } = scorer.score(event, context.nowSeconds)
        if (score < threshold) return undefined
        // The author is not told which signs: that would teach the next attempt.
        return action === 'hold'
          ? { do: 'hold', why: `it looks like spam: ${signs.join(', ')}` }
          : verdictOf(action, 'it looks like spam')
      },
      remembered: () => scorer.seen,
    }
  },
})
