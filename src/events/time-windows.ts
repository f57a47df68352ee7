import type { EventStore } from './store.ts'

/** Both ends belong to it; seconds. */
export interface TimeRange {
  readonly sinceSeconds: number
  readonly untilSeconds: number
}

export interface TimeWindow extends TimeRange {
  /** How many there were when it was looked at. Undefined: more than asked for, all in one second. */
  readonly events: number | undefined
}

export interface TimeWindowOptions extends TimeRange {
  readonly maxEvents: number
  readonly nowSeconds: number
  /** Between two looks into the store, each of which costs as much as reading the ids of `maxEvents` events at most. */
  readonly rest?: () => Promise<void>
}

/**
 * Cuts a range of time into windows with at most `maxEvents` visible events each, oldest first: the way to go from the
 * oldest events to the newest in a store that answers newest first. None is empty, and none is left out where something is.
 * A window reaches back to the one before, but for a crowded second, which stands alone. Each is looked for when it is
 * asked for, so a store may change meanwhile.
 */
export async function* timeWindows(
  store: EventStore,
  options: TimeWindowOptions,
): AsyncGenerator<TimeWindow> {
  let held: TimeWindow | undefined
  let sinceSeconds = options.sinceSeconds
  for await (const window of halvings(store, options)) {
    const together = (held?.events ?? Number.POSITIVE_INFINITY) + (window.events ?? Number.POSITIVE_INFINITY)
    if (held !== undefined && together <= options.maxEvents) {
      held = { ...held, untilSeconds: window.untilSeconds, events: together }
      continue
    }
    if (held !== undefined) {
      yield held
      sinceSeconds = held.untilSeconds + 1
    }
    held = window.events === undefined ? window : { ...window, sinceSeconds }
  }
  if (held !== undefined) yield held
}

/**
 * The range, halved where it holds too much, its halves in turn, and so on. The second half is taken up where the first
 * one ended, so that finding all windows costs few looks more than there are windows.
 */
async function* halvings(
  store: EventStore,
  { sinceSeconds, untilSeconds, maxEvents, nowSeconds, rest = async () => {} }: TimeWindowOptions,
): AsyncGenerator<TimeWindow> {
  const ends = [untilSeconds]
  let since = sinceSeconds
  for (let until = ends.at(-1); until !== undefined; until = ends.at(-1)) {
    const found = await store.idSet({ since, until }, maxEvents, nowSeconds)
    await rest()
    if (found === undefined && since < until) {
      ends.push(since + Math.floor((until - since) / 2))
      continue
    }
    const events = found?.createdAt.length
    if (events !== 0) yield { sinceSeconds: since, untilSeconds: until, events }
    ends.pop()
    since = until + 1
  }
}
