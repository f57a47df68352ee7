import type { Filter } from '../nostr/index.ts'

/** A filter as it travels (NIP-01): tag conditions are attributes of their own, `#p`. */
export function filterJson({ tags = [], ...plain }: Filter): Readonly<Record<string, unknown>> {
  return { ...plain, ...Object.fromEntries(tags.map(({ name, values }) => [`#${name}`, values])) }
}

/** A span of `created_at`, in seconds, both ends inclusive. */
export interface TimeSpan {
  readonly since?: number | undefined
  readonly until?: number | undefined
}

/** The filter within the span; undefined when nothing is left of it. */
export function narrowed(
  filter: Filter,
  { since = 0, until = Number.MAX_SAFE_INTEGER }: TimeSpan,
): Filter | undefined {
  const from = Math.max(since, filter.since ?? 0)
  const to = Math.min(until, filter.until ?? Number.MAX_SAFE_INTEGER)
  if (from > to) return undefined
  return {
    ...filter,
    ...(from > 0 && { since: from }),
    ...(to < Number.MAX_SAFE_INTEGER && { until: to }),
  }
}
