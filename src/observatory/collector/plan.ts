/** Which relays get the connections: those that have proved themselves first, and always some for those that have not. */

export interface Plannable {
  readonly url: string
  readonly isProven: boolean
  /** It holds a connection or is about to. */
  readonly isActive: boolean
  readonly isConnected: boolean
  readonly failures: number
  readonly nextTryMs: number
}

export interface PlanBounds {
  readonly maxConnections: number
  readonly maxConnecting: number
}

export interface Plan<T> {
  readonly connect: readonly T[]
  readonly release: readonly T[]
}

/** One connection in so many is for relays that have still to prove themselves. */
const CANDIDATE_SHARE = 20

/** Decides from what is known now. Calling it often enough comes to the same as calling it at the right moments. */
export function planConnections<T extends Plannable>(
  relays: Iterable<T>,
  { maxConnections, maxConnecting }: PlanBounds,
  nowMs: number,
): Plan<T> {
  const active: { proven: T[]; candidates: T[] } = { proven: [], candidates: [] }
  const due: { proven: T[]; candidates: T[] } = { proven: [], candidates: [] }
  let connecting = 0
  let hasCandidates = false
  for (const relay of relays) {
    const list = relay.isProven ? 'proven' : 'candidates'
    if (!relay.isProven) hasCandidates = true
    if (relay.isActive) active[list].push(relay)
    else if (relay.nextTryMs <= nowMs) due[list].push(relay)
    if (relay.isActive && !relay.isConnected) connecting += 1
  }
  const reserved = hasCandidates && maxConnections > 1 ? Math.ceil(maxConnections / CANDIDATE_SHARE) : 0
  const maxProven = maxConnections - reserved
  const wantedProven = Math.min(maxProven, active.proven.length + due.proven.length)
  // Candidates that proved themselves while there was no room make room for others; proven relays that wait outdo
  // candidates, down to the places that are kept for those.
  const release = [
    ...active.proven.slice(maxProven),
    ...active.candidates.slice(maxConnections - wantedProven),
  ]
  const kept = active.proven.length + active.candidates.length - release.length
  const room = Math.min(maxConnections - kept, Math.max(0, maxConnecting - connecting))
  const provenRoom = Math.max(0, maxProven - active.proven.length)
  const proven = firstOf(due.proven, Math.min(room, provenRoom))
  const candidates = firstOf(due.candidates, room - proven.length)
  return { connect: [...proven, ...candidates], release }
}

/** Those that failed least, and of them those that have waited longest. */
function firstOf<T extends Plannable>(due: T[], count: number): readonly T[] {
  if (count <= 0) return []
  return due.sort((a, b) => a.failures - b.failures || a.nextTryMs - b.nextTryMs).slice(0, count)
}
