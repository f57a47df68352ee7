/** The rules of retention word for word, over a list of events: what a pass over a store is compared with. */
import { compareNewestFirst, type NostrEvent } from '../../nostr/index.ts'
import { freedBy } from '../disk-cap.ts'
import { readEventHead } from '../event-head.ts'
import { governingRule, type RetentionRule, type RetentionRules } from '../rules.ts'

/** The ids of what remains of `events` when the rules, but not the cap, have been applied. */
export function remainingIds(
  events: readonly NostrEvent[],
  rules: RetentionRules,
  nowSeconds: number,
): string[] {
  const sorted = events.toSorted(compareNewestFirst)
  const ruleOf = (event: NostrEvent) => governingRule(rules, event)
  return sorted
    .filter((event) => {
      const rule = ruleOf(event)
      if (rule === undefined || rule === 'keep') return true
      return isAllowed(
        event,
        rule,
        sorted.filter((other) => ruleOf(other) === rule),
        nowSeconds,
      )
    })
    .map(({ id }) => id)
    .toSorted()
}

function isAllowed(
  event: NostrEvent,
  { limits }: RetentionRule,
  fellows: readonly NostrEvent[],
  nowSeconds: number,
) {
  if (limits === 'keep') return true
  const own = fellows.filter(({ pubkey }) => pubkey === event.pubkey)
  return (
    nowSeconds - event.created_at <= (limits.maxAgeSeconds ?? Number.POSITIVE_INFINITY) &&
    fellows.indexOf(event) < (limits.maxEvents ?? Number.POSITIVE_INFINITY) &&
    own.indexOf(event) < (limits.maxEventsPerKey ?? Number.POSITIVE_INFINITY)
  )
}

/** What an event takes on disk by retention's own estimate. */
export function bytesOnDisk(event: NostrEvent): number {
  const { id, pubkey, created_at, kind, tags, content, sig } = event
  return freedBy([
    readEventHead(Buffer.from(JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig }))),
  ])
}

/** The ids of what remains when the oldest of what may go has gone, until so many bytes are free. */
export function remainingWithinCap(
  events: readonly NostrEvent[],
  rules: RetentionRules,
  excessBytes: number,
): string[] {
  const gone = new Set<NostrEvent>()
  let freedBytes = 0
  for (const event of events.toSorted(compareNewestFirst).toReversed()) {
    if (freedBytes >= excessBytes) break
    if (governingRule(rules, event) === 'keep') continue
    gone.add(event)
    freedBytes += bytesOnDisk(event)
  }
  return events
    .filter((event) => !gone.has(event))
    .map(({ id }) => id)
    .toSorted()
}
