export interface Portion {
  readonly key: string
  readonly count: number
}

/** Largest first; equal ones in the order of their names, so that nothing jumps while it is watched. */
export function bySize(counts: Readonly<Record<string, number>>): readonly Portion[] {
  return Object.entries(counts)
    .map(([key, count]) => ({ key, count }))
    .sort((a, b) => b.count - a.count || a.key.localeCompare(b.key, 'en', { numeric: true }))
}
