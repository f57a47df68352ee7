import { type Filter, matchesAnyFilter, type NostrEvent, parseEvent } from '../nostr/index.ts'

/**
 * Those of the values that are events (by their shape) and were asked for. Relays send what they like; ids and
 * signatures are looked at by the intake, which knows what is stored already and needs no look.
 */
export function eventsAskedFor(
  values: readonly unknown[],
  filters: readonly Filter[],
): readonly NostrEvent[] {
  return values.flatMap((value) => {
    const parsed = parseEvent(value)
    return parsed.ok && matchesAnyFilter(filters, parsed.value) ? [parsed.value] : []
  })
}
