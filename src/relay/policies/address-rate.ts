import { TokenBuckets } from '../token-buckets.ts'
import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** How many EVENTs an IP address may send: the first rule of all, since it costs least and spares the others. */
export const addressRate = definePolicy({
  name: 'address-rate',
  pick: ({ rates }) => {
    if (rates.eventsPerSecond === 0) return undefined
    return { perSecond: rates.eventsPerSecond, burst: rates.eventsBurst, exemptIps: rates.exemptIps }
  },
  create: ({ perSecond, burst, exemptIps }, { lists, clock }) => {
    const buckets = new TokenBuckets({ perSecond, burst })
    const exempt = new Set(exemptIps)
    return {
      name: 'address-rate',
      stage: 'before-signature',
      judgesVanish: true,
      judge: (_event, { origin, address }) => {
        if (origin !== 'client' || exempt.has(address) || lists.isUnlimitedIp(address)) return undefined
        return buckets.take(address, clock.nowMs()) ? undefined : TOO_FAST
      },
      remembered: () => buckets.size,
    }
  },
})

const TOO_FAST = refuse('rate-limited', 'too many events from your address, slow down')
