/** What can be watched, and what is said of it. */
import type { SourcedSnapshot } from '../../snapshot.ts'
import type { LiveMessage } from '../bodies.ts'
import { showActivity, showClient, showEvents } from '../figures/show-events.ts'
import { TOP_RELAYS } from '../figures/show-full.ts'
import { showOverview } from '../figures/show-overview.ts'
import { showRelay, showTopRelays } from '../figures/show-relays.ts'

export const TOPICS = [
  'overview',
  'activity',
  'relays',
  'clients',
  'top-relays',
  'events',
] as const satisfies readonly LiveMessage['topic'][]
export type Topic = LiveMessage['topic']

/** Relays and clients of one message: those with the most events. All of them are at `/stats/relays`. */
export const MAX_LISTED = 500

export function dataOf(topic: Topic, sourced: SourcedSnapshot): unknown {
  const { snapshot } = sourced
  switch (topic) {
    case 'overview':
      return showOverview(sourced)
    case 'activity':
      return showActivity(snapshot)
    case 'relays':
      return snapshot.relays.slice(0, MAX_LISTED).map(showRelay)
    case 'clients':
      return snapshot.clients.slice(0, MAX_LISTED).map((client) => showClient(client, snapshot))
    case 'top-relays':
      return showTopRelays(snapshot, TOP_RELAYS)
    case 'events':
      return showEvents(snapshot)
  }
}
