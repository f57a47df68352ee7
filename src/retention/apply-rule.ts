import type { EventHead } from './event-head.ts'
import { ALL_KEYS, KeyCounts, type KeyShare, nextShare } from './key-counts.ts'
import type { Pass, RemovalReason } from './pass.ts'
import type { RetentionLimits, RetentionRule } from './rules.ts'
import { filterOf, governs, walk } from './walk.ts'

/** Authors that are counted at a time: some 15 MB. */
export const MAX_COUNTED_KEYS = 100_000

/**
 * Removes what one rule says, and nothing else. It judges the store as it is when it begins to read: events that come in
 * meanwhile stay, and are judged by the next pass.
 */
export async function applyRule(pass: Pass, rule: RetentionRule, maxCountedKeys: number): Promise<void> {
  const { limits } = rule
  if (limits === 'keep') return
  if (limits.maxEvents === undefined && limits.maxEventsPerKey === undefined)
    return removeOld(pass, rule, limits)
  if (await isWithinCount(pass, rule, limits)) return removeOld(pass, rule, limits)
  await removeSurplus(pass, rule, limits, maxCountedKeys)
}

/** Only what is too old has to be read. */
async function removeOld(pass: Pass, rule: RetentionRule, { maxAgeSeconds }: RetentionLimits): Promise<void> {
  const filter = filterOf(pass, rule)
  const untilSeconds = pass.nowSeconds - (maxAgeSeconds ?? Number.POSITIVE_INFINITY) - 1
  if (filter === undefined || untilSeconds < 0) return
  const isGoverned = governs(pass, rule)
  for await (const heads of walk(pass, { ...filter, until: untilSeconds })) {
    await remove(pass, rule, heads.filter(isGoverned), () => 'age')
  }
}

/** The store may count without reading; what it counts are at least the events that the rule is for. */
async function isWithinCount(
  pass: Pass,
  rule: RetentionRule,
  { maxEvents = Number.POSITIVE_INFINITY, maxEventsPerKey = Number.POSITIVE_INFINITY }: RetentionLimits,
): Promise<boolean> {
  const filter = filterOf(pass, rule)
  if (filter === undefined) return true
  return (await pass.store.count([filter], pass.nowSeconds)) <= Math.min(maxEvents, maxEventsPerKey)
}

/** Reads everything that the rule is for, and keeps count. Authors that do not fit into memory get a turn of their own. */
async function removeSurplus(
  pass: Pass,
  rule: RetentionRule,
  limits: RetentionLimits,
  maxCountedKeys: number,
): Promise<void> {
  let share: KeyShare | undefined = ALL_KEYS
  while (share !== undefined && !pass.signal.aborted) {
    const counts: KeyCounts = new KeyCounts(share, maxCountedKeys)
    await removeBeyond(pass, rule, limits, counts)
    share = nextShare(share, counts.isTooLarge)
  }
}

async function removeBeyond(
  pass: Pass,
  rule: RetentionRule,
  { maxAgeSeconds, maxEvents, maxEventsPerKey }: RetentionLimits,
  counts: KeyCounts,
): Promise<void> {
  const filter = filterOf(pass, rule)
  if (filter === undefined) return
  const oldestSeconds = pass.nowSeconds - (maxAgeSeconds ?? Number.POSITIVE_INFINITY)
  let seen = 0
  const judge = (event: EventHead): RemovalReason | undefined => {
    const before = maxEventsPerKey === undefined ? undefined : counts.add(event.pubkey)
    const isSurplus = seen++ >= (maxEvents ?? Number.POSITIVE_INFINITY)
    if (event.createdAt < oldestSeconds) return 'age'
    if (isSurplus) return 'count'
    return before !== undefined && before >= (maxEventsPerKey ?? 0) ? 'key-count' : undefined
  }
  const isGoverned = governs(pass, rule)
  for await (const heads of walk(pass, filter)) await remove(pass, rule, heads.filter(isGoverned), judge)
}

async function remove(
  { remover }: Pass,
  { text }: RetentionRule,
  heads: readonly EventHead[],
  judge: (event: EventHead) => RemovalReason | undefined,
): Promise<void> {
  const condemned = Map.groupBy(heads, judge)
  for (const [reason, events] of condemned) {
    if (reason !== undefined) await remover.remove(events, reason, text)
  }
}
