/**
 * The cap on disk use: what is oldest goes first, whatever no rule and no kind keeps. The store reads newest first only,
 * so the oldest are found by windows of time, made as small as they have to be.
 */
import { type TimeWindow, timeWindows } from '../events/index.ts'
import type { Filter } from '../nostr/index.ts'
import type { EventHead } from './event-head.ts'
import { type Pass, STEP_EVENTS } from './pass.ts'
import { governingRule } from './rules.ts'
import { walk } from './walk.ts'

/** Events of one window, held in memory without their contents. */
const WINDOW_EVENTS = 5_000

/**
 * What an event takes on disk beside its JSON, in bytes: the frame of its record and its entries in the indexes. An
 * estimate; what it is wrong by, the next pass corrects.
 */
const OVERHEAD_BYTES = 100

/** Bytes that removing these events frees sooner or later. */
export function freedBy(events: readonly EventHead[]): number {
  return events.reduce((sum, { byteLength }) => sum + byteLength + OVERHEAD_BYTES, 0)
}

/** Removes the oldest events that nothing keeps, until `excessBytes` are removed or none is left; resolves to the bytes. */
export async function removeOldest(pass: Pass, excessBytes: number): Promise<number> {
  let freedBytes = 0
  for await (const window of windowsOf(pass)) {
    for await (const events of oldestFirst(pass, window)) {
      const chosen = asFarAs(excessBytes - freedBytes, events)
      await pass.remover.remove(chosen, 'disk', 'retention.maxDiskBytes')
      freedBytes += freedBy(chosen)
      if (freedBytes >= excessBytes || pass.signal.aborted) return freedBytes
    }
    if (pass.signal.aborted) return freedBytes
  }
  return freedBytes
}

function windowsOf({ store, nowSeconds, rest }: Pass): AsyncGenerator<TimeWindow> {
  return timeWindows(store, {
    sinceSeconds: 0,
    untilSeconds: Number.MAX_SAFE_INTEGER,
    maxEvents: WINDOW_EVENTS,
    nowSeconds,
    rest: () => rest(0),
  })
}

/** Those of a window that nothing keeps, a step at a time. Within a second that is too crowded, in any order. */
async function* oldestFirst(
  pass: Pass,
  { sinceSeconds, untilSeconds, events }: TimeWindow,
): AsyncGenerator<readonly EventHead[]> {
  const filter: Filter = { since: sinceSeconds, until: untilSeconds }
  const mayGo = (event: EventHead): boolean => governingRule(pass.rules, event) !== 'keep'
  const held: EventHead[] = []
  for await (const heads of walk(pass, filter)) {
    if (events === undefined) yield heads.filter(mayGo)
    else held.push(...heads.filter(mayGo))
  }
  while (held.length > 0) {
    yield held.splice(-STEP_EVENTS).reverse()
    await pass.rest(0)
  }
}

/** The first of them, until they free so many bytes. */
function asFarAs(bytes: number, events: readonly EventHead[]): readonly EventHead[] {
  let freedBytes = 0
  const end = events.findIndex((event) => {
    freedBytes += freedBy([event])
    return freedBytes >= bytes
  })
  return end === -1 ? events : events.slice(0, end + 1)
}
