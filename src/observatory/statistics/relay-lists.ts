/** The figures of single relays in a range, most events first. */
import type { Range } from '../ranges.ts'
import type { RelayState } from '../relay-report.ts'
import type { RelayFigures } from '../snapshot.ts'
import { healthScore } from './health-score.ts'
import { latencyPercentile } from './latency-histogram.ts'
import type { RelayRecord } from './relay-record.ts'
import type { Window } from './window.ts'

export interface Asked {
  readonly range: Range
  readonly window: Window
  readonly nowSeconds: number
  /** To which the latencies of all relays are added. */
  readonly latency: Uint32Array
}

/** What was said of a relay, and of which state of its record. */
interface Said {
  readonly changes: number
  readonly from: number
  readonly figures: RelayFigures
}

/**
 * Of ten thousand relays few do anything within a second: of the others, what was said of them last is said again, the same
 * object, for as long as nothing of their record, their state or the beginning of the range has changed.
 */
export class RelayLists {
  /** By range, then by the index of the relay. */
  readonly #said = new Map<Range, (Said | undefined)[]>()

  /** All relays that proved themselves and have an address. */
  within(relays: readonly RelayRecord[], asked: Asked): RelayFigures[] {
    const said = this.#saidOf(asked.range)
    const list: RelayFigures[] = []
    for (const relay of relays) {
      if (!relay.facts.isProven || relay.facts.url === undefined) continue
      addLatencies(asked.latency, relay.latency(asked.window))
      list.push(figuresOf(said, relay, asked))
    }
    return list.sort((a, b) => b.events - a.events || a.relay - b.relay)
  }

  #saidOf(range: Range): (Said | undefined)[] {
    const there = this.#said.get(range)
    if (there !== undefined) return there
    const begun: (Said | undefined)[] = []
    this.#said.set(range, begun)
    return begun
  }
}

function figuresOf(said: (Said | undefined)[], relay: RelayRecord, asked: Asked): RelayFigures {
  const { window, nowSeconds } = asked
  const from = window.unit === 'all' ? 0 : window.from
  const state = relay.stateAt(nowSeconds)
  const last = said[relay.index]
  if (last?.changes === relay.changes && last.from === from && last.figures.state === state)
    return last.figures
  const figures = relayWithin(relay, window, state)
  said[relay.index] = { changes: relay.changes, from, figures }
  return figures
}

function relayWithin(relay: RelayRecord, window: Window, state: RelayState): RelayFigures {
  const { facts } = relay
  const counts = relay.latency(window)
  const latencyP50Ms = counts && latencyPercentile(counts, 0.5)
  const events = relay.events.within(window)
  const uptime = relay.uptime(window)
  const offences = relay.offencesWithin(window)
  return {
    relay: relay.relay,
    url: facts.url ?? '',
    state,
    events,
    users: relay.users.within(window),
    kinds: relay.kinds.within(window).map(({ key, count }) => ({ kind: key, events: count })),
    latencyP50Ms,
    latencyP95Ms: counts && latencyPercentile(counts, 0.95),
    uptime,
    healthScore: healthScore({ uptime, latencyP50Ms, events, offences }),
    information: facts.information,
    offences,
    firstSeenSeconds: facts.firstSeenSeconds,
    lastEventSeconds: facts.lastEventSeconds,
  }
}

function addLatencies(to: Uint32Array, counts: Uint32Array | undefined): void {
  if (counts === undefined) return
  for (let step = 0; step < counts.length; step++) to[step]! += counts[step]!
}
