/**
 * Which relays get the connections: those that have proved themselves first, and always some for those that have not. Where
 * there are more proven relays than connections, a tenth of the connections goes round among those that have none.
 */

export interface Plannable {
  readonly url: string
  readonly isProven: boolean
  /** It holds a connection or is about to. */
  readonly isActive: boolean
  readonly isConnected: boolean
  readonly failures: number
  readonly nextTryMs: number
  /** It keeps its connection whoever waits: our own relay. */
  readonly isPinned: boolean
  /** Since when it holds a connection or is about to; 0 while it does not. */
  readonly activeSinceMs: number
  /** Since when there is nothing of its past left to read; undefined while there is. */
  readonly liveSinceMs: number | undefined
}

export interface TurnBounds {
  /** A relay that has its turn gives the connection on when it was live for so long, */
  readonly turnMs: number
  /** … or when it held it for so long. */
  readonly maxTurnMs: number
}

export interface PlanBounds extends TurnBounds {
  readonly maxConnections: number
  readonly maxConnecting: number
}

export interface Plan<T> {
  readonly connect: readonly T[]
  readonly release: readonly T[]
  /** Proven relays whose time has come and for whom there is no connection: that they have none is not their fault. */
  readonly crowdedOut: readonly T[]
}

/** One connection in so many is for relays that have still to prove themselves. */
const CANDIDATE_SHARE = 20
/** Of the connections for proven relays, one in so many goes round. */
const TURN_SHARE = 10

/** Decides from what is known now. Calling it often enough comes to the same as calling it at the right moments. */
export function planConnections<T extends Plannable>(
  relays: Iterable<T>,
  bounds: PlanBounds,
  nowMs: number,
): Plan<T> {
  const { maxConnections, maxConnecting } = bounds
  const { active, due, connecting, hasCandidates } = sorted(relays, nowMs)
  const reserved = hasCandidates && maxConnections > 1 ? Math.ceil(maxConnections / CANDIDATE_SHARE) : 0
  const maxProven = maxConnections - reserved
  const wantedProven = Math.min(maxProven, active.proven.length + due.proven.length)
  const release = [
    ...releasedProven(active.proven, due.proven.length, { ...bounds, maxProven }, nowMs),
    // Candidates that proved themselves while there was no room make room for others; proven relays that wait outdo
    // candidates, down to the places that are kept for those.
    ...active.candidates.slice(maxConnections - wantedProven),
  ]
  const kept = active.proven.length + active.candidates.length - release.length
  const keptProven = active.proven.length - release.filter(({ isProven }) => isProven).length
  const room = Math.min(maxConnections - kept, Math.max(0, maxConnecting - connecting))
  const places = Math.max(0, maxProven - keptProven)
  const steady = places < due.proven.length ? Math.max(0, places - turnsOf(maxProven)) : places
  const waiting = inTurn(due.proven, steady)
  const proven = waiting.slice(0, Math.max(0, Math.min(room, places)))
  const candidates = firstOf(due.candidates, room - proven.length)
  return { connect: [...proven, ...candidates], release, crowdedOut: waiting.slice(places) }
}

interface Lists<T> {
  readonly proven: T[]
  readonly candidates: T[]
}

function sorted<T extends Plannable>(relays: Iterable<T>, nowMs: number) {
  const active: Lists<T> = { proven: [], candidates: [] }
  const due: Lists<T> = { proven: [], candidates: [] }
  let connecting = 0
  let hasCandidates = false
  for (const relay of relays) {
    const list = relay.isProven ? 'proven' : 'candidates'
    if (!relay.isProven) hasCandidates = true
    if (relay.isActive) active[list].push(relay)
    else if (relay.nextTryMs <= nowMs) due[list].push(relay)
    if (relay.isActive && !relay.isConnected) connecting += 1
  }
  return { active, due, connecting, hasCandidates }
}

/** Connections that go round. */
function turnsOf(maxProven: number): number {
  return Math.min(maxProven, Math.max(1, Math.floor(maxProven / TURN_SHARE)))
}

/** Those beyond the bound, and, while others wait, those that have had their turn. Who came first stays. */
function releasedProven<T extends Plannable>(
  active: readonly T[],
  waiting: number,
  { maxProven, turnMs, maxTurnMs }: TurnBounds & { readonly maxProven: number },
  nowMs: number,
): readonly T[] {
  const byAge = active.toSorted(
    (a, b) => Number(b.isPinned) - Number(a.isPinned) || a.activeSinceMs - b.activeSinceMs,
  )
  const free = Math.max(0, maxProven - active.length)
  const hadTurn = byAge
    .slice(maxProven - turnsOf(maxProven), maxProven)
    .filter(({ isPinned, activeSinceMs, liveSinceMs }) => {
      const isThrough = liveSinceMs !== undefined && nowMs - liveSinceMs >= turnMs
      return !isPinned && (isThrough || nowMs - activeSinceMs >= maxTurnMs)
    })
  return [...byAge.slice(maxProven), ...hadTurn.slice(0, Math.max(0, waiting - free))]
}

/** So many steady places go to those that failed least; all others come in the order in which their time came. */
function inTurn<T extends Plannable>(due: T[], steady: number): readonly T[] {
  const first = due.toSorted(
    (a, b) => Number(b.isPinned) - Number(a.isPinned) || a.failures - b.failures || a.nextTryMs - b.nextTryMs,
  )
  const rest = first.slice(steady).sort((a, b) => a.nextTryMs - b.nextTryMs)
  return [...first.slice(0, steady), ...rest]
}

/** Those that failed least, and of them those that have waited longest. */
function firstOf<T extends Plannable>(due: T[], count: number): readonly T[] {
  if (count <= 0) return []
  return due.sort((a, b) => a.failures - b.failures || a.nextTryMs - b.nextTryMs).slice(0, count)
}
