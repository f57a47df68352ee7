/** Figures that state only what matters to a test. */
import type { RelayFigures, Snapshot, UserCount } from '../../snapshot.ts'

const nobody: UserCount = { count: 0, isApproximate: false, error: 0 }

export function testRelay(url: string, members: Partial<RelayFigures> = {}): RelayFigures {
  return {
    relay: 1,
    url,
    state: 'live',
    events: 0,
    users: nobody,
    kinds: [],
    latencyP50Ms: undefined,
    latencyP95Ms: undefined,
    uptime: undefined,
    healthScore: undefined,
    information: undefined,
    offences: {},
    firstSeenSeconds: undefined,
    lastEventSeconds: undefined,
    ...members,
  }
}

export function testSnapshot(members: Partial<Snapshot> = {}): Snapshot {
  return {
    range: '24h',
    atSeconds: 1_800_000_000,
    startSeconds: undefined,
    coverage: {
      relaysKnown: 3,
      relaysWatched: 3,
      relaysConnected: 2,
      relaysCandidate: 0,
      regions: ['home'],
      firstSeenSeconds: undefined,
      lastSeenSeconds: undefined,
      futureDated: 0,
      absurdlyDated: 0,
      repeated: 0,
    },
    events: 0,
    users: nobody,
    newUsers: nobody,
    returningUsers: nobody,
    activeRelays: 0,
    latencyP50Ms: undefined,
    latencyP95Ms: undefined,
    averageLatencyMs: undefined,
    byKind: [],
    timeline: [],
    zaps: { count: 0, msat: 0n, checkedCount: 0, checkedMsat: 0n },
    longForm: { events: 0, users: nobody },
    languages: [],
    clients: [],
    taggedEvents: 0,
    relays: [],
    cohorts: [],
    ...members,
  }
}
