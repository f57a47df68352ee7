import type { Filter } from '../nostr/index.ts'
import { fetchStored, type StoredAnswer } from './download.ts'
import { narrowed, type TimeSpan } from './filter-json.ts'
import { patiently } from './patience.ts'
import { peerFailure } from './peer-failure.ts'
import { requireWanted, type Transfer } from './transfer.ts'

/** Asked for at a time. Relays may send fewer; what they send decides how it goes on. */
const PAGE_EVENTS = 500
/** Asked for when a page does not reach over a single second. */
const SECOND_EVENTS = 5_000
/** No relay is known that sends fewer at once. */
const SMALLEST_CAP = 50

interface Page extends StoredAnswer {
  /** Different events in it. */
  readonly count: number
  readonly oldestSeconds: number
  /** Ids of its oldest second. */
  readonly oldestIds: ReadonlySet<string>
}

/**
 * Fetches everything that matches from a relay without NIP-77, backwards in time. The next page begins with the very
 * second in which the last one ended, because that may have been cut; only when nothing new comes of it, the second
 * is over.
 *
 * @param onReached told how far it is done: everything later is here.
 */
export async function downloadPages(
  filter: Filter,
  span: TimeSpan,
  transfer: Transfer,
  onReached: (untilSeconds: number) => void,
): Promise<void> {
  let until = span.until
  let seen: ReadonlySet<string> = new Set()
  for (;;) {
    requireWanted(transfer)
    const page = await fetchPage(filter, { since: span.since, until }, PAGE_EVENTS, transfer)
    if (page === undefined || page.count === 0 || page.isAll) return
    const before = seen
    const isStuck = page.oldestSeconds === until && [...page.oldestIds].every((id) => before.has(id))
    if (isStuck) {
      if (page.count >= SMALLEST_CAP) await fetchSecond(filter, page.oldestSeconds, transfer)
      if (page.oldestSeconds === 0) return
      until = page.oldestSeconds - 1
      seen = new Set()
    } else {
      seen = page.oldestSeconds === until ? new Set([...before, ...page.oldestIds]) : page.oldestIds
      until = page.oldestSeconds
    }
    onReached(until)
  }
}

/**
 * A page that holds nothing but what was in the one before is all of that second, or all that the relay sends at once.
 * One larger request brings what it can, and shows whether that was cut, too.
 */
async function fetchSecond(filter: Filter, seconds: number, transfer: Transfer): Promise<void> {
  const page = await fetchPage(filter, { since: seconds, until: seconds }, SECOND_EVENTS, transfer)
  if (page !== undefined && !page.isAll && isSuspicious(page.count)) transfer.totals.uncertainSeconds += 1
}

/** Caps are round numbers, and not small; a second with just so many events is rare, and then only suspected. */
function isSuspicious(count: number): boolean {
  return count >= SMALLEST_CAP && count % 50 === 0
}

async function fetchPage(
  filter: Filter,
  span: TimeSpan,
  limit: number,
  transfer: Transfer,
): Promise<Page | undefined> {
  const within = narrowed(filter, span)
  if (within === undefined) return undefined
  const times = new Map<string, number>()
  let isAll = false
  const refusal = await patiently(async () => {
    times.clear()
    const answer = await fetchStored({ ...within, limit }, transfer, (event) => {
      if (times.has(event.id)) return false
      times.set(event.id, event.created_at)
      return true
    })
    isAll = answer.isAll
    return answer.refusal
  }, transfer.signal)
  if (refusal !== undefined) throw peerFailure(transfer.client.name, `refused a REQ: ${refusal}`)
  const oldestSeconds = Math.min(...times.values())
  const oldestIds = new Set([...times].filter(([, time]) => time === oldestSeconds).map(([id]) => id))
  return { refusal, isAll, count: times.size, oldestSeconds, oldestIds }
}
