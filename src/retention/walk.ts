import type { EventPage } from '../events/index.ts'
import type { Filter } from '../nostr/index.ts'
import { type EventHead, readEventHead } from './event-head.ts'
import { type Pass, STEP_EVENTS } from './pass.ts'
import { governingRule, isIn, type RetentionRule } from './rules.ts'

/** A filter with more kinds than this costs the store more than looking at events that it then passes over. */
const MAX_FILTER_KINDS = 100

/**
 * The events of the store that match, newest first and lowest id first within a second, a step at a time, with a rest
 * between. What comes in meanwhile is not seen; what goes meanwhile is not shown.
 */
export async function* walk(pass: Pass, filter: Filter): AsyncGenerator<readonly EventHead[]> {
  const { store, nowSeconds, signal, rest } = pass
  const cursor = store.query([filter], nowSeconds)
  try {
    while (!signal.aborted) {
      const page = await cursor.next(STEP_EVENTS)
      // Read at once: a page is good until the store's next turn.
      const heads = headsOn(page)
      const isLast = page.done
      if (heads.length > 0) yield heads
      await rest(heads.length)
      if (isLast) return
    }
  } finally {
    cursor.close?.()
  }
}

/** What a rule is for, as far as a filter can say it; `governs` sorts out the rest. Undefined when it is for nothing. */
export function filterOf({ rules }: Pass, { kinds, pubkey }: RetentionRule): Filter | undefined {
  const author = pubkey === undefined ? {} : { authors: [pubkey] }
  if (kinds === undefined || kinds.to - kinds.from >= MAX_FILTER_KINDS) return author
  const all = Array.from({ length: kinds.to - kinds.from + 1 }, (_, index) => kinds.from + index)
  const left = all.filter((kind) => !rules.keepKinds.some((range) => isIn(range, kind)))
  return left.length === 0 ? undefined : { ...author, kinds: left }
}

export function governs({ rules }: Pass, rule: RetentionRule): (event: EventHead) => boolean {
  return (event) => governingRule(rules, event) === rule
}

function headsOn(page: EventPage): readonly EventHead[] {
  return Array.from({ length: page.count }, (_, index) => readEventHead(page.viewAt(index)))
}
