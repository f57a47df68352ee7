import { AppError } from '../../kernel/index.ts'
import { TokenBuckets } from '../token-buckets.ts'
import { boundsOf, KindSet } from './kind-set.ts'
import { definePolicy, type WriteContext } from './policy.ts'
import { refuse } from './verdicts.ts'

/**
 * How many events a key may publish, whatever addresses they come from. Rates of keys are counted after the signature
 * check: anyone could use up somebody else's allowance with forged events otherwise, or fill the table of keys.
 */
export const keyRate = definePolicy({
  name: 'key-rate',
  pick: ({ policies, rates }) => {
    const { keyPerSecond, keyBurst } = policies.rates
    return keyPerSecond === 0
      ? undefined
      : { perSecond: keyPerSecond, burst: keyBurst, exemptIps: rates.exemptIps }
  },
  create: ({ perSecond, burst, exemptIps }, { lists, clock }) => {
    const buckets = new TokenBuckets({ perSecond, burst })
    const isSpared = sparedBy(new Set(exemptIps), (address) => lists.isUnlimitedIp(address))
    return {
      name: 'key-rate',
      stage: 'after-signature',
      judge: ({ pubkey }, context) =>
        isSpared(context) || buckets.take(pubkey, clock.nowMs()) ? undefined : TOO_MANY,
      remembered: () => buckets.size,
    }
  },
})

/** How many events of certain kinds a key may publish. */
export const kindRates = definePolicy({
  name: 'kind-rate',
  pick: ({ policies, rates }) => {
    const { kindRules } = policies.rates
    return kindRules.length === 0 ? undefined : { rules: kindRules, exemptIps: rates.exemptIps }
  },
  create: ({ rules, exemptIps }, { lists, clock }) => {
    const rates = rules.map(parseKindRate)
    const isSpared = sparedBy(new Set(exemptIps), (address) => lists.isUnlimitedIp(address))
    return {
      name: 'kind-rate',
      stage: 'after-signature',
      judge: ({ pubkey, kind }, context) => {
        if (isSpared(context)) return undefined
        for (const { kinds, buckets, says } of rates) {
          if (kinds.has(kind) && !buckets.take(pubkey, clock.nowMs())) {
            return refuse('rate-limited', `at most ${says} from one key here`)
          }
        }
        return undefined
      },
      remembered: () => rates.reduce((sum, { buckets }) => sum + buckets.size, 0),
    }
  },
})

interface KindRate {
  readonly kinds: KindSet
  readonly buckets: TokenBuckets
  readonly says: string
}

const SECONDS = { second: 1, minute: 60, hour: 3_600, day: 86_400 } as const

/** Reads `0: 60/minute` and `30000-39999: 1000/hour`. A key may use a whole period's number at once. */
export function parseKindRate(rule: string): KindRate {
  const found = /^(\d+(?:-\d+)?): (\d+)\/(second|minute|hour|day)$/.exec(rule)
  const [, range = '', count = '', period = ''] = found ?? []
  if (!isPeriod(period) || boundsOf(range)[0] > boundsOf(range)[1] || Number(count) === 0) {
    throw new AppError(
      'CONFIG_INVALID',
      `relay.policies.rates.kindRules: "${rule}" is not like "1: 60/minute" or "30000-39999: 1000/hour".`,
    )
  }
  const events = Number(count)
  return {
    kinds: new KindSet([range]),
    buckets: new TokenBuckets({ perSecond: events / SECONDS[period], burst: events }),
    says: `${events} events a ${period} of kind ${range}`,
  }
}

function isPeriod(text: string): text is keyof typeof SECONDS {
  return Object.hasOwn(SECONDS, text)
}

/** Mirrors and imports bring many events of one key at once, and exempt addresses may do as they like. */
function sparedBy(exemptIps: ReadonlySet<string>, isUnlimited: (address: string) => boolean) {
  return ({ origin, address }: WriteContext): boolean =>
    origin !== 'client' || exemptIps.has(address) || isUnlimited(address)
}

const TOO_MANY = refuse('rate-limited', 'too many events from this key, slow down')
