import type { Filter } from '../../nostr/index.ts'
import type { ConnectionFacts } from '../connections.ts'
import type { RegisteredConnection } from './registry.ts'

/** Filters never change, so each list of them is written out once, however often the registry is fed. */
const written = new WeakMap<readonly Filter[], string>()

/** Open connections of this process, as the relay tells of them, in the form of the registry. */
export function registerable(
  processId: string,
  connections: readonly ConnectionFacts[],
): readonly RegisteredConnection[] {
  return connections.map((facts) => ({
    ...facts,
    processId,
    subscriptions: facts.subscriptions.map(({ id, filters }) => ({ id, filtersJson: filtersJson(filters) })),
  }))
}

function filtersJson(filters: readonly Filter[]): string {
  let json = written.get(filters)
  if (json === undefined) {
    json = JSON.stringify(filters.map(asSent))
    written.set(filters, json)
  }
  return json
}

/** The filter as a client would send it (NIP-01). */
function asSent({ tags, ...filter }: Filter): object {
  const conditions = (tags ?? []).map(({ name, values }) => [`#${name}`, values] as const)
  return { ...filter, ...Object.fromEntries(conditions) }
}
