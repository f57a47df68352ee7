/** What is worth knowing of a sealed segment when choosing what to compact. */
export interface SegmentWeight {
  readonly id: number
  readonly bytes: number
  readonly events: number
  readonly removed: number
  /** Of the removed ones, those that went with a request to vanish (NIP-62). */
  readonly vanished: number
  /** Since its file was written. */
  readonly ageMs: number
}

export interface CompactionLimits {
  /** No output is meant to be bigger. */
  readonly maxBytes: number
  /** A segment with at least this share of its events removed is written anew. */
  readonly minRemovedShare: number
  /** A segment that holds vanished events is written anew when its file is at least so old. */
  readonly vanishedAgeMs: number
  /** So many small neighbours are joined into one. */
  readonly joinCount: number
}

/**
 * Chooses the neighbouring segments to compact next, oldest first; none when nothing is worth it. First a segment that
 * is largely dead; then one that holds what its author wants erased, however little, but each file only so often:
 * strangers could have everything written anew all day. Else a run of neighbours of about one size whose living parts
 * fit into one: so each event is moved a number of times that grows only with the logarithm of the store.
 */
export function planCompaction(
  segments: readonly SegmentWeight[],
  limits: CompactionLimits,
): readonly number[] {
  const dead = segments.find(
    ({ events, removed }) => removed > 0 && removed >= events * limits.minRemovedShare,
  )
  if (dead !== undefined) return [dead.id]
  const unerased = segments.find(({ vanished, ageMs }) => vanished > 0 && ageMs >= limits.vanishedAgeMs)
  if (unerased !== undefined) return [unerased.id]
  for (let from = 0; from + limits.joinCount <= segments.length; from++) {
    const run = segments.slice(from, from + limits.joinCount)
    if (isWorthJoining(run, limits)) return run.map(({ id }) => id)
  }
  return []
}

function isWorthJoining(run: readonly SegmentWeight[], { maxBytes }: CompactionLimits): boolean {
  const sizes = run.map(livingBytes)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  // Of about one size: joining a big one with small ones would move the big one again and again.
  return total <= maxBytes && Math.max(...sizes) * 2 <= total
}

function livingBytes({ bytes, events, removed }: SegmentWeight): number {
  return events === 0 ? 0 : bytes * (1 - removed / events)
}
