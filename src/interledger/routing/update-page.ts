import { type CcpRoute, encodedPrefixLength, encodedRouteLength, MAX_ROUTES_BYTES } from './ccp-packet.ts'
import type { Announcement } from './export-policy.ts'
import type { ForwardingLog } from './forwarding-log.ts'

/** As much of the log as one update holds. */
export interface UpdatePage {
  readonly newRoutes: readonly CcpRoute[]
  readonly withdrawn: readonly string[]
  /** Everything before this is told then. */
  readonly toEpoch: number
}

/** Entries of an update of ours; what others take at once is not known, and this many they all send themselves. */
const MAX_PAGE_ENTRIES = 250

export interface PageOptions {
  /** What the neighbour knows already. */
  readonly fromEpoch: number
  readonly mayHear: (announcement: Announcement) => boolean
  /** May the neighbour have heard of this prefix? Of what it never heard nothing is withdrawn. */
  readonly mayKnow: (prefix: string) => boolean
}

/** Pure. A page without entries tells that nothing has changed for this neighbour. */
export function nextPage(log: ForwardingLog, { fromEpoch, mayHear, mayKnow }: PageOptions): UpdatePage {
  const newRoutes: CcpRoute[] = []
  const withdrawn: string[] = []
  let bytes = 0
  for (const { prefix, epoch, announcement } of log.entriesFrom(fromEpoch)) {
    const route = announcement !== undefined && mayHear(announcement) ? routeOf(announcement) : undefined
    if (route === undefined && !mayKnow(prefix)) continue
    bytes += route === undefined ? encodedPrefixLength(prefix) : encodedRouteLength(route)
    const isFull = bytes > MAX_ROUTES_BYTES || newRoutes.length + withdrawn.length === MAX_PAGE_ENTRIES
    if (isFull) return { newRoutes, withdrawn, toEpoch: epoch }
    if (route === undefined) withdrawn.push(prefix)
    else newRoutes.push(route)
  }
  return { newRoutes, withdrawn, toEpoch: log.epoch }
}

function routeOf({ prefix, path, auth }: Announcement): CcpRoute {
  return { prefix, path, auth, properties: [] }
}
