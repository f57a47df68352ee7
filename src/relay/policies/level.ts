import { reason } from '../../nostr/index.ts'
import { AUTH_LEVEL_NAMES, type AuthLevel } from '../auth-level.ts'
import { asksForStanding, KindSet } from './kind-set.ts'
import { definePolicy } from './policy.ts'

/** A minimum level for EVENT, with kinds that everybody may send. */
export const minimumLevel = definePolicy({
  name: 'level',
  pick: ({ levels }) =>
    levels.write === 0 ? undefined : { minimum: levels.write, exemptKinds: levels.exemptKinds },
  create: ({ minimum, exemptKinds }) => {
    const exempt = new KindSet(exemptKinds)
    return {
      name: 'level',
      stage: 'before-signature',
      judge: ({ kind }, { origin, level }) => {
        if (level >= minimum || origin !== 'client' || exempt.has(kind) || asksForStanding(kind))
          return undefined
        return { do: 'refuse', text: refuseLevel(level, minimum, 'write') }
      },
    }
  },
})

/** The refusal of a client below a minimum level: who has proved no key can still mend it, others are known. */
export function refuseLevel(level: AuthLevel, minimum: number, action: 'read' | 'count' | 'write'): string {
  if (level === 0) return reason('auth-required', `to ${action} here, authenticate first (NIP-42)`)
  return reason(
    'restricted',
    `to ${action} here takes a ${AUTH_LEVEL_NAMES[minimum]}, your key is a ${AUTH_LEVEL_NAMES[level]}`,
  )
}
