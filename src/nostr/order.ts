import type { NostrEvent } from './event.ts'

/**
 * The order in which stored events are sent (NIP-01): newest `created_at` first, lowest id first within a
 * second. For `Array.sort`: negative when `a` comes first.
 */
export function compareNewestFirst(
  a: Pick<NostrEvent, 'created_at' | 'id'>,
  b: Pick<NostrEvent, 'created_at' | 'id'>,
): number {
  if (a.created_at !== b.created_at) return b.created_at - a.created_at
  if (a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}
