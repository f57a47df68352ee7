import { type ReasonPrefix, reason } from '../../nostr/index.ts'
import type { PolicyAction } from '../settings.ts'
import type { Verdict } from './policy.ts'

/** `OK false` with a text that begins with a standard prefix. */
export function refuse(prefix: ReasonPrefix, text: string): Verdict {
  return { do: 'refuse', text: reason(prefix, text) }
}

/** The one verdict that has nothing to say. */
export const PRETEND: Verdict = { do: 'pretend' }

/** What the operator chose to do; the text is for the author or for the moderator. */
export function verdictOf(action: PolicyAction, text: string): Verdict {
  if (action === 'pretend') return PRETEND
  return action === 'hold' ? { do: 'hold', why: text } : refuse('blocked', text)
}
