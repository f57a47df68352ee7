/** What we publish of a relay (NIP-66, kind 30166), out of what was measured and what it says of itself. */
import type { RelayDiscovery, RelayNetwork } from '../../nostr/index.ts'
import type { RelayInformationFacts } from '../relay-report.ts'
import type { MonitoredRelay } from './monitored-relay.ts'
import type { RelayTimes } from './probe-relay.ts'

export function discoveryOf({ url, information }: MonitoredRelay, times: RelayTimes): RelayDiscovery {
  return {
    url,
    network: networkOf(url),
    types: [],
    nips: information?.nips ?? [],
    requirements: requirementsOf(information),
    topics: [],
    acceptedKinds: [],
    refusedKinds: [],
    geohashes: [],
    countries: information?.countries ?? [],
    languages: (information?.languages ?? []).flatMap((language) => /^[a-z]{2}\b/i.exec(language)?.[0] ?? []),
    rttOpenMs: times.openMs,
    rttReadMs: times.readMs,
    rttWriteMs: times.writeMs,
    document: information === undefined ? undefined : JSON.stringify(documentOf(information)),
  }
}

/** By the keys of NIP-66; empty when the relay says nothing of itself. */
export function requirementsOf(information: RelayInformationFacts | undefined): ReadonlyMap<string, boolean> {
  if (information === undefined) return new Map()
  const { needsAuth, needsPayment, needsWork, restrictsWrites } = information
  return new Map([
    ['auth', needsAuth],
    ['payment', needsPayment],
    ['pow', needsWork],
    ['writes', restrictsWrites],
  ])
}

function networkOf(url: string): RelayNetwork {
  const { hostname } = new URL(url)
  if (hostname.endsWith('.onion')) return 'tor'
  if (hostname.endsWith('.i2p')) return 'i2p'
  return hostname.endsWith('.loki') ? 'loki' : 'clearnet'
}

/** The part of the relay's NIP-11 document that we keep, in the names of NIP-11. */
function documentOf(information: RelayInformationFacts): Readonly<Record<string, unknown>> {
  const { name, description, icon, software, version, nips, countries, languages } = information
  return {
    name,
    description,
    icon,
    software,
    version,
    supported_nips: nips,
    ...(countries.length === 0 ? {} : { relay_countries: countries }),
    ...(languages.length === 0 ? {} : { language_tags: languages }),
    limitation: {
      auth_required: information.needsAuth,
      payment_required: information.needsPayment,
      restricted_writes: information.restrictsWrites,
    },
  }
}
