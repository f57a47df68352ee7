import type { SourcedSnapshot } from '../../snapshot.ts'
import type { FullBody } from '../bodies.ts'
import { showActivity, showClient, showEvents, showRetention } from './show-events.ts'
import { showOverview } from './show-overview.ts'
import { showRelay, showTopRelays } from './show-relays.ts'
import { isoTime } from './texts.ts'

/** As the document has it. */
export const TOP_RELAYS = 10

/** `/stats/full/:range`: everything of a range that the other paths show in parts. */
export function showFull(sourced: SourcedSnapshot): FullBody {
  const { snapshot } = sourced
  return {
    time_range: snapshot.range,
    generated_at: isoTime(snapshot.atSeconds),
    overview: showOverview(sourced),
    relays: snapshot.relays.map(showRelay),
    events: showEvents(snapshot),
    clients: snapshot.clients.map((client) => showClient(client, snapshot)),
    top_relays: showTopRelays(snapshot, TOP_RELAYS),
    activity: showActivity(snapshot),
    retention: showRetention(snapshot),
  }
}
