import type { SourcedSnapshot } from '../../snapshot.ts'
import type { FullBody } from '../bodies.ts'
import { type Page, pageOf } from './pages.ts'
import { showActivity, showClient, showEvents, showRetention } from './show-events.ts'
import { showOverview } from './show-overview.ts'
import { showRelay, showTopRelays } from './show-relays.ts'
import { isoTime } from './texts.ts'

/** As the document has it. */
export const TOP_RELAYS = 10

/** `/stats/full/:range`: everything of a range that the other paths show in parts; of ten thousand relays a page. */
export function showFull(sourced: SourcedSnapshot, page: Page): FullBody {
  const { snapshot } = sourced
  return {
    time_range: snapshot.range,
    generated_at: isoTime(snapshot.atSeconds),
    overview: showOverview(sourced),
    relays: pageOf(snapshot.relays, page).map(showRelay),
    events: showEvents(snapshot),
    clients: snapshot.clients.map((client) => showClient(client, snapshot)),
    top_relays: showTopRelays(snapshot, TOP_RELAYS),
    activity: showActivity(snapshot),
    retention: showRetention(snapshot),
  }
}
