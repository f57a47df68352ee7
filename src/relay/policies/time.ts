import { KINDS } from '../../nostr/index.ts'
import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** Gift wraps are dated back by up to two days on purpose (NIP-59). */
const GIFT_WRAP_BACK_SECONDS = 2 * 86_400

/** The window for `created_at` (`created_at_lower_limit` and `created_at_upper_limit` of NIP-11). */
export const timeWindow = definePolicy({
  name: 'time',
  pick: ({ limits }) => {
    const { createdAtLowerLimitSeconds: back, createdAtUpperLimitSeconds: ahead } = limits
    return back === 0 && ahead === 0 ? undefined : { back, ahead }
  },
  create: ({ back, ahead }) => ({
    name: 'time',
    stage: 'before-signature',
    judgesVanish: true,
    judge: ({ kind, created_at }, { origin, nowSeconds }) => {
      if (ahead > 0 && created_at > nowSeconds + ahead) {
        return refuse('invalid', `created_at is more than ${ahead} seconds in the future`)
      }
      // What other relays and files bring is history, and meant to be old.
      if (back === 0 || origin !== 'client' || created_at >= nowSeconds - back) return undefined
      if (kind === KINDS.GIFT_WRAP && created_at >= nowSeconds - GIFT_WRAP_BACK_SECONDS) return undefined
      return refuse('invalid', `created_at is more than ${back} seconds ago`)
    },
  }),
})
