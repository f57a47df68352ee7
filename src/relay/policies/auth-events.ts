import { KINDS } from '../../nostr/index.ts'
import { definePolicy } from './policy.ts'
import { refuse } from './verdicts.ts'

/** AUTH events prove a key on one connection; published, they would prove it on others (NIP-42). */
export const authEvents = definePolicy({
  name: 'auth-events',
  pick: () => ({}),
  create: () => ({
    name: 'auth-events',
    stage: 'before-signature',
    judge: ({ kind }) => (kind === KINDS.AUTH ? REFUSAL : undefined),
  }),
})

const REFUSAL = refuse('invalid', 'events of kind 22242 are sent with AUTH, not with EVENT')
