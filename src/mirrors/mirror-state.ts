import type { TimeSpan } from './filter-json.ts'
import type { MirrorSettings } from './mirror-settings.ts'

/** How far a mirror has come with the past, so that it goes on there. Times are in seconds. */
export interface Progress {
  /** The filters that it is about; with others it begins anew. */
  readonly filters: string
  /** When the last connection was made: everything before is here, but for `gaps`. */
  readonly coveredTo: number
  /** When everything was compared last, and not just what was new. */
  readonly comparedAt: number
  /** Spans of `created_at` that are not done, the newest last. */
  readonly gaps: readonly TimeSpan[]
}

export interface MirrorRecord {
  readonly name: string
  readonly isPaused: boolean
  /** Of a mirror that was added while the program ran; absent for those of the configuration. */
  readonly added?: MirrorSettings
  readonly progress?: Progress
}

/** Where mirrors are remembered over a restart. */
export interface MirrorsState {
  load(): Promise<readonly MirrorRecord[]>
  save(records: readonly MirrorRecord[]): Promise<void>
}

/** What is asked for again behind the place that was reached: events come late, and clocks differ. */
const OVERLAP_SECONDS = 3_600
/** Events may also come with an old date, so now and then everything is compared. */
const COMPARE_ALL_SECONDS = 86_400
const MAX_GAPS = 16

/** Is it time to look at everything again? */
export function isComparisonDue(known: Progress | undefined, nowSeconds: number): boolean {
  return known === undefined || nowSeconds - known.comparedAt >= COMPARE_ALL_SECONDS
}

/** What is to be done at a connection that is made now, after what is known of earlier ones. */
export function planGaps(known: Progress | undefined, filters: string, nowSeconds: number): Progress {
  const isFresh = known === undefined || known.filters !== filters
  // A first time that was cut short is first brought to its end: its gaps say what is left.
  const isDue = !isFresh && known.gaps.length === 0 && isComparisonDue(known, nowSeconds)
  if (isFresh || isDue) return { filters, coveredTo: nowSeconds, comparedAt: nowSeconds, gaps: [{}] }
  const newest: TimeSpan = { since: Math.max(0, known.coveredTo - OVERLAP_SECONDS) }
  return { ...known, coveredTo: nowSeconds, gaps: bounded([...known.gaps, newest]) }
}

/** The newest gap is done down to this second: what is left of it are this second and what lies before. */
export function shortenGap(progress: Progress, untilSeconds: number): Progress {
  const gap = progress.gaps.at(-1)
  if (gap === undefined) return progress
  return { ...progress, gaps: [...progress.gaps.slice(0, -1), { ...gap, until: untilSeconds }] }
}

/** The newest gap is done. */
export function closeGap(progress: Progress): Progress {
  return { ...progress, gaps: progress.gaps.slice(0, -1) }
}

/** Of too many gaps the two oldest become one, which may hold more than both. */
function bounded(gaps: readonly TimeSpan[]): readonly TimeSpan[] {
  if (gaps.length <= MAX_GAPS) return gaps
  const [oldest = {}, second = {}, ...rest] = gaps
  const since =
    oldest.since === undefined || second.since === undefined
      ? undefined
      : Math.min(oldest.since, second.since)
  const until =
    oldest.until === undefined || second.until === undefined
      ? undefined
      : Math.max(oldest.until, second.until)
  return [{ ...(since !== undefined && { since }), ...(until !== undefined && { until }) }, ...rest]
}
