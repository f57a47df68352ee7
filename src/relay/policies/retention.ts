import { ageRefusal, parseRetention, removesByAge } from '../../retention/index.ts'
import { definePolicy } from './policy.ts'

/**
 * Refuses what retention would remove at once, whoever brings it: stored and swept it would come back with the next
 * comparison of a mirror, and each time cost a signature check, a write and a removal.
 */
export const retentionAge = definePolicy({
  name: 'retention',
  pick: ({ retention }) => {
    if (retention === undefined || retention.rules.length === 0) return undefined
    const { rules, keepKinds } = retention
    return removesByAge(parseRetention(retention)) ? { rules, keepKinds } : undefined
  },
  create: (settings) => {
    const rules = parseRetention({ ...settings, maxDiskBytes: 0, intervalSeconds: 0 })
    return {
      name: 'retention',
      stage: 'before-signature',
      judge: (event, { nowSeconds }) => {
        const text = ageRefusal(rules, event, nowSeconds)
        return text === undefined ? undefined : { do: 'refuse', text, isForGood: true }
      },
    }
  },
})
