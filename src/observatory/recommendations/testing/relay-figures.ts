import type { RelayFigures } from '../../snapshot.ts'

/** Figures of a relay that does well, but for what is said otherwise. */
export function relayFigures(url: string, differs: Partial<RelayFigures> = {}): RelayFigures {
  return {
    relay: 1,
    url,
    state: 'live',
    events: 100,
    users: { count: 10, isApproximate: false, error: 0 },
    kinds: [],
    latencyP50Ms: 100,
    latencyP95Ms: 200,
    uptime: 1,
    healthScore: 100,
    information: undefined,
    offences: {},
    firstSeenSeconds: 0,
    lastEventSeconds: undefined,
    ...differs,
  }
}
