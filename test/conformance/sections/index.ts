import type { Section } from '../kit/row.ts'
import { rows as events } from './01-events.ts'
import { rows as kinds } from './02-kinds.ts'
import { rows as filters } from './03-filters.ts'
import { rows as subscriptions } from './04-subscriptions.ts'
import { rows as answers } from './05-answers.ts'
import { rows as transport } from './06-transport.ts'
import { rows as deletion } from './07-deletion.ts'
import { rows as information } from './08-information.ts'
import { rows as work } from './09-proof-of-work.ts'
import { rows as expiration } from './10-expiration.ts'
import { rows as auth } from './11-auth.ts'
import { rows as protectedEvents } from './12-protected.ts'
import { rows as privateMessages } from './13-private-messages.ts'
import { rows as count } from './14-count.ts'
import { rows as search } from './15-search.ts'
import { rows as vanish } from './16-vanish.ts'
import { rows as eoseHint } from './17-eose-hint.ts'
import { rows as negentropy } from './18-negentropy.ts'
import { rows as management } from './19-management.ts'
import { rows as membership } from './20-membership.ts'
import { rows as smallerNips } from './22-smaller-nips.ts'
import { rows as connectAuth } from './24-connect-auth.ts'

/** In the order of the checklist. Groups (21) are not served; what is gone from the NIPs (23) stands in the others. */
export const allSections: readonly Section[] = [
  { number: 1, title: 'Event format, id, signature (NIP-01)', rows: events },
  { number: 2, title: 'Kind classes and replacement (NIP-01)', rows: kinds },
  { number: 3, title: 'Filters (NIP-01)', rows: filters },
  { number: 4, title: 'REQ, CLOSE, EVENT, EOSE (NIP-01)', rows: subscriptions },
  { number: 5, title: 'OK, CLOSED, NOTICE and their prefixes', rows: answers },
  { number: 6, title: 'Transport', rows: transport },
  { number: 7, title: 'Deletion (NIP-09)', rows: deletion },
  { number: 8, title: 'Information document (NIP-11)', rows: information },
  { number: 9, title: 'Proof of work (NIP-13)', rows: work },
  { number: 10, title: 'Expiration (NIP-40)', rows: expiration },
  { number: 11, title: 'Authentication (NIP-42)', rows: auth },
  { number: 12, title: 'Protected events (NIP-70)', rows: protectedEvents },
  { number: 13, title: 'Private messages (NIP-04, 17, 59)', rows: privateMessages },
  { number: 14, title: 'COUNT (NIP-45)', rows: count },
  { number: 15, title: 'Search (NIP-50)', rows: search },
  { number: 16, title: 'Requests to vanish (NIP-62)', rows: vanish },
  { number: 17, title: 'The hint at EOSE (NIP-67)', rows: eoseHint },
  { number: 18, title: 'Set reconciliation (NIP-77)', rows: negentropy },
  { number: 19, title: 'Management (NIP-86) and HTTP authorization (NIP-98)', rows: management },
  { number: 20, title: 'Members (NIP-43)', rows: membership },
  { number: 22, title: 'Smaller NIPs', rows: smallerNips },
  { number: 24, title: 'Authentication by the URL', rows: connectAuth },
]
