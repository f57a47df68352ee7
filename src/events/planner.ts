import type { Filter } from '../nostr/index.ts'

/**
 * Where a scan for a filter's matches starts. Every match of the filter lies on each path that is offered for
 * it.
 */
export type AccessPath =
  | { readonly by: 'ids'; readonly ids: readonly string[] }
  | { readonly by: 'tag'; readonly name: string; readonly values: readonly string[] }
  /** Every author with every kind. */
  | { readonly by: 'author-kind'; readonly authors: readonly string[]; readonly kinds: readonly number[] }
  | { readonly by: 'author'; readonly authors: readonly string[] }
  | { readonly by: 'kind'; readonly kinds: readonly number[] }
  | { readonly by: 'time' }

/**
 * How many index entries a scan along `path` is expected to meet, within the filter's `since` and `until`
 * when the engine can tell; 0 when one of the lists is empty. Need not be exact; it is asked a few times per
 * filter.
 */
export type EstimateScan = (path: AccessPath) => number

/**
 * An author×kind path opens one range for each pair. Above this many, opening them costs more than the
 * narrower scan saves, and the authors or the kinds alone are offered instead.
 */
export const MAX_AUTHOR_KIND_PAIRS = 2_000

/**
 * The path with the smallest expected scan; of equals, the more specific (in the order of `AccessPath`). A `limit`
 * does not change the choice: every path holds all matches, so a scan that stops at the limit has met about the same
 * fraction of whichever path it walks. Where only one path is sensible, nothing is estimated.
 */
export function planAccess(filter: Filter, estimate: EstimateScan): AccessPath {
  const paths = pathsFor(filter)
  if (paths.length === 1) return paths[0]!
  let best: AccessPath = { by: 'time' }
  let bestScan = Number.POSITIVE_INFINITY
  for (const path of paths) {
    const scan = estimate(path)
    if (scan < bestScan) {
      best = path
      bestScan = scan
    }
  }
  return best
}

/** The paths worth comparing: without those that are never shorter than another one offered. */
function pathsFor({ ids, tags, authors, kinds }: Filter): readonly AccessPath[] {
  // Nothing is more exact than an id.
  if (ids !== undefined) return [{ by: 'ids', ids }]
  const paths: AccessPath[] = []
  for (const { name, values } of tags ?? []) paths.push({ by: 'tag', name, values })
  if (
    authors !== undefined &&
    kinds !== undefined &&
    authors.length * kinds.length <= MAX_AUTHOR_KIND_PAIRS
  ) {
    paths.push({ by: 'author-kind', authors, kinds })
  } else {
    if (authors !== undefined) paths.push({ by: 'author', authors })
    if (kinds !== undefined) paths.push({ by: 'kind', kinds })
  }
  if (paths.length === 0) paths.push({ by: 'time' })
  return paths
}
