/**
 * The names of everything about connections in Redis. The first group is what a relay of the Saltivka kind has there
 * too, so that tools made for one can read the other; the second is ours.
 */
export const keys = {
  /** SET of connection ids. */
  connections: 'connections',
  /** SET of subscription ids. */
  requestsOf: (connectionId: string) => `client_reqs:${connectionId}`,
  /** HASH: `subscriptionField` → filters, JSON. */
  subscriptions: 'subscriptions',
  /** HASH: connection → public keys, hex, `,` between several. */
  authentications: 'authentications',
  /** HASH: connection → level, 0 to 4. */
  authorizations: 'authorizations',
  /** HASH: connection → number of messages. */
  requests: 'requests',
  /** HASH: connection → bytes received. */
  traffic: 'traffic',
  /** HASH: connection → IP address. */
  addresses: 'connections_ips',
  /** HASH: connection → Unix time in seconds, with three decimals. */
  starts: 'connections_starts',
  /** HASH: connection → ids of the events of kind 22242 it authenticated with, `,` between several. */
  authenticators: 'connections_authenticators',
  /** STRING that expires: this event was used to authenticate; holds the connection. */
  usedAuthenticator: (eventId: string) => `events22242:${eventId}`,
  /** STRING: no new connections. */
  maintenance: 'maintenance',
  /** SET of IP addresses without rates. */
  unlimitedAddresses: 'unlimited_ips',
  /** STRING: absent or 0 is no limit. */
  maxConnections: 'max_allowed_connections',

  /** HASH: connection → bytes sent. */
  outgoingTraffic: 'outgoing_traffic',
  /** HASH: connection → process. */
  processes: 'connections_processes',
  /** SET of the connections of a process. */
  connectionsOf: (processId: string) => `process_connections:${processId}`,
  /** SET of processes that have connections here, dead ones too until they are swept. */
  writers: 'connections_writers',
  /** Leases: who lives. */
  leases: 'connections_leases',
} as const

/** The hashes that have one field for each connection. */
export const CONNECTION_HASHES: readonly string[] = [
  keys.authentications,
  keys.authorizations,
  keys.requests,
  keys.traffic,
  keys.addresses,
  keys.starts,
  keys.authenticators,
  keys.outgoingTraffic,
  keys.processes,
]

/** Where a process hears what others want of its connections. */
export function controlChannel(processId: string): string {
  return `events:${processId}:control`
}

/** The field of a subscription; a connection id holds no colon. */
export function subscriptionField(connectionId: string, subscriptionId: string): string {
  return `${connectionId}:${subscriptionId}`
}
