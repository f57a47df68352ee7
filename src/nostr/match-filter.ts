/**
 * Reference: what a match means (NIP-01, "filters"). The indexes and the planner of the stores and the
 * subscription index of the relay must agree with it; their property tests say so.
 */
import type { NostrEvent } from './event.ts'
import type { Filter, TagCondition } from './filter.ts'

/**
 * Does the event fulfil every condition of the filter? `limit` is no condition of an event, and of `search` nothing is
 * asked here: which words an event holds is told by `events/search`.
 */
export function matchesFilter(filter: Filter, event: NostrEvent): boolean {
  return (
    (filter.ids?.includes(event.id) ?? true) &&
    (filter.authors?.includes(event.pubkey) ?? true) &&
    (filter.kinds?.includes(event.kind) ?? true) &&
    (filter.since === undefined || event.created_at >= filter.since) &&
    (filter.until === undefined || event.created_at <= filter.until) &&
    (filter.tags?.every((condition) => matchesTag(condition, event)) ?? true)
  )
}

/** Does the event match at least one of the filters? */
export function matchesAnyFilter(filters: readonly Filter[], event: NostrEvent): boolean {
  return filters.some((filter) => matchesFilter(filter, event))
}

/** Only the first value of a tag counts; a tag without one is never found, not even by an empty string. */
function matchesTag({ name, values }: TagCondition, event: NostrEvent): boolean {
  return event.tags.some(
    ([tagName, firstValue]) => tagName === name && firstValue !== undefined && values.includes(firstValue),
  )
}
