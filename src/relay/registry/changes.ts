/** What to write for connections that come, change and go. Pure. */
import type { BusChange, BusField } from '../../platform/bus/index.ts'
import { keepFilters } from './keep-filters.ts'
import { CONNECTION_HASHES, keys, subscriptionField } from './keys.ts'
import type { ConnectionTraffic, RegisteredConnection } from './registry.ts'

/** A connection and the subscriptions that may stand in the registry for it. */
export interface WrittenConnection {
  readonly id: string
  readonly subscriptionIds: readonly string[]
}

/**
 * Writes connections of one process whole.
 *
 * @param writtenIds the subscriptions that were written for a connection before.
 */
export function putChanges(
  processId: string,
  connections: readonly RegisteredConnection[],
  writtenIds: (connectionId: string) => readonly string[],
): readonly BusChange[] {
  const ids = connections.map(({ id }) => id)
  const fieldsOf = (textOf: (facts: RegisteredConnection) => string): readonly BusField[] =>
    connections.map((facts) => [facts.id, textOf(facts)])
  return [
    { do: 'addMembers', key: keys.writers, members: [processId] },
    { do: 'addMembers', key: keys.connectionsOf(processId), members: ids },
    { do: 'addMembers', key: keys.connections, members: ids },
    { do: 'setFields', key: keys.processes, fields: fieldsOf(() => processId) },
    { do: 'setFields', key: keys.authentications, fields: fieldsOf(({ pubkeys }) => pubkeys.join(',')) },
    { do: 'setFields', key: keys.authorizations, fields: fieldsOf(({ level }) => String(level)) },
    { do: 'setFields', key: keys.addresses, fields: fieldsOf(({ address }) => address) },
    { do: 'setFields', key: keys.starts, fields: fieldsOf(({ startedAtMs }) => inSeconds(startedAtMs)) },
    {
      do: 'setFields',
      key: keys.authenticators,
      fields: fieldsOf(({ authenticatorIds }) => authenticatorIds.join(',')),
    },
    ...touchChanges(connections),
    ...subscriptionChanges(connections, writtenIds),
  ]
}

export function touchChanges(traffic: readonly ConnectionTraffic[]): readonly BusChange[] {
  const fieldsOf = (textOf: (one: ConnectionTraffic) => number): readonly BusField[] =>
    traffic.map((one) => [one.id, String(textOf(one))])
  return [
    { do: 'setFields', key: keys.requests, fields: fieldsOf(({ requests }) => requests) },
    { do: 'setFields', key: keys.traffic, fields: fieldsOf(({ bytesIn }) => bytesIn) },
    { do: 'setFields', key: keys.outgoingTraffic, fields: fieldsOf(({ bytesOut }) => bytesOut) },
  ]
}

/** Takes connections out, with everything about them. */
export function removeChanges(
  processId: string,
  connections: readonly WrittenConnection[],
): readonly BusChange[] {
  const ids = connections.map(({ id }) => id)
  const subscriptionFields = connections.flatMap(({ id, subscriptionIds }) =>
    subscriptionIds.map((subscriptionId) => subscriptionField(id, subscriptionId)),
  )
  return [
    { do: 'removeMembers', key: keys.connections, members: ids },
    { do: 'removeMembers', key: keys.connectionsOf(processId), members: ids },
    ...CONNECTION_HASHES.map((key) => ({ do: 'removeFields', key, fields: ids }) as const),
    { do: 'removeFields', key: keys.subscriptions, fields: subscriptionFields },
    ...ids.map((id) => ({ do: 'delete', key: keys.requestsOf(id) }) as const),
  ]
}

function subscriptionChanges(
  connections: readonly RegisteredConnection[],
  writtenIds: (connectionId: string) => readonly string[],
): readonly BusChange[] {
  const members: BusChange[] = []
  const gone: string[] = []
  const fields: BusField[] = []
  for (const { id, subscriptions } of connections) {
    const key = keys.requestsOf(id)
    const openIds = subscriptions.map((subscription) => subscription.id)
    const goneIds = writtenIds(id).filter((writtenId) => !openIds.includes(writtenId))
    members.push({ do: 'removeMembers', key, members: goneIds }, { do: 'addMembers', key, members: openIds })
    for (const goneId of goneIds) gone.push(subscriptionField(id, goneId))
    for (const { id: openId, filtersJson } of keepFilters(subscriptions)) {
      fields.push([subscriptionField(id, openId), filtersJson])
    }
  }
  return [
    ...members,
    { do: 'removeFields', key: keys.subscriptions, fields: gone },
    { do: 'setFields', key: keys.subscriptions, fields },
  ]
}

function inSeconds(ms: number): string {
  return (ms / 1_000).toFixed(3)
}
