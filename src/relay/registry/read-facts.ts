import { accepted } from '../../kernel/index.ts'
import type { Bus, BusOutcome } from '../../platform/bus/index.ts'
import { keys, subscriptionField } from './keys.ts'
import type { RegisteredConnection, RegisteredSubscription } from './registry.ts'

/** The hashes that facts are read from, in the order of `factsOf`. */
const HASHES = [
  keys.processes,
  keys.authentications,
  keys.authorizations,
  keys.addresses,
  keys.requests,
  keys.traffic,
  keys.outgoingTraffic,
  keys.starts,
  keys.authenticators,
] as const

type Columns = readonly (readonly (string | undefined)[])[]

/** The facts of these connections; those that are gone are left out. */
export async function readFacts(
  bus: Bus,
  ids: readonly string[],
): Promise<BusOutcome<readonly RegisteredConnection[]>> {
  const [columns, subscriptions] = await Promise.all([
    allOf(HASHES.map((key) => bus.hashValues(key, ids))),
    allOf(ids.map((id) => readSubscriptions(bus, id))),
  ])
  if (!columns.ok) return columns
  if (!subscriptions.ok) return subscriptions
  return accepted(
    ids.flatMap((id, row) => factsOf(id, row, columns.value, subscriptions.value[row] ?? []) ?? []),
  )
}

/** Values of several operations, or the first refusal. */
export async function allOf<T>(asked: readonly Promise<BusOutcome<T>>[]): Promise<BusOutcome<readonly T[]>> {
  const values: T[] = []
  for (const outcome of await Promise.all(asked)) {
    if (!outcome.ok) return outcome
    values.push(outcome.value)
  }
  return accepted(values)
}

async function readSubscriptions(
  bus: Bus,
  connectionId: string,
): Promise<BusOutcome<readonly RegisteredSubscription[]>> {
  const ids = await bus.setMembers(keys.requestsOf(connectionId))
  if (!ids.ok) return ids
  const fields = ids.value.map((id) => subscriptionField(connectionId, id))
  const filters = await bus.hashValues(keys.subscriptions, fields)
  if (!filters.ok) return filters
  return accepted(ids.value.map((id, index) => ({ id, filtersJson: filters.value[index] ?? 'null' })))
}

function factsOf(
  id: string,
  row: number,
  columns: Columns,
  subscriptions: readonly RegisteredSubscription[],
): RegisteredConnection | undefined {
  const [processId, pubkeys, level, address, requests, bytesIn, bytesOut, start, authenticators] =
    columns.map((column) => column[row])
  if (processId === undefined) return undefined
  return {
    id,
    processId,
    pubkeys: listOf(pubkeys),
    level: numberOf(level),
    subscriptions,
    address: address ?? '',
    requests: numberOf(requests),
    bytesIn: numberOf(bytesIn),
    bytesOut: numberOf(bytesOut),
    startedAtMs: Math.round(numberOf(start) * 1_000),
    authenticatorIds: listOf(authenticators),
  }
}

function listOf(text: string | undefined): readonly string[] {
  return text === undefined || text === '' ? [] : text.split(',')
}

/** What somebody else has written over counts as nothing. */
function numberOf(text: string | undefined): number {
  const number = Number(text ?? 0)
  return Number.isFinite(number) ? number : 0
}
