import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** How many tags an event may have (`max_event_tags` of NIP-11). */
export const tagCount = definePolicy({
  name: 'tags',
  pick: ({ limits }) => ({ max: limits.maxEventTags }),
  create: ({ max }) => ({
    name: 'tags',
    stage: 'before-signature',
    judgesVanish: true,
    judge: ({ tags }) => {
      if (tags.length <= max) return undefined
      return refuse('invalid', `the event has ${tags.length} tags, the limit is ${max}`)
    },
  }),
})
