import type { RegisteredConnection } from '../registry.ts'

/** A connection that says only what matters to a test. */
export function registeredConnection(
  facts: Partial<RegisteredConnection> & { readonly id: string },
): RegisteredConnection {
  return {
    processId: 'one',
    pubkeys: [],
    level: 0,
    subscriptions: [],
    address: '192.0.2.1',
    requests: 0,
    bytesIn: 0,
    bytesOut: 0,
    startedAtMs: 1_700_000_000_123,
    authenticatorIds: [],
    ...facts,
  }
}
