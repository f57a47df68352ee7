import { accepted } from '../../kernel/index.ts'
import type { Bus, BusOutcome } from '../../platform/bus/index.ts'
import { removeChanges, type WrittenConnection } from './changes.ts'
import { keys } from './keys.ts'
import { allOf } from './read-facts.ts'

/**
 * Takes out the connections of processes that are not among the living. Several processes may do it at once, and one
 * may die over it: each part is taken out whole, and a process stays on the list until nothing is left of it. A
 * process that was wrongly held for dead finds its connections missing at its next `keepUp`.
 *
 * @returns how many connections were taken out.
 */
export async function sweepDeadProcesses(
  bus: Bus,
  living: ReadonlySet<string>,
  chunkSize: number,
): Promise<BusOutcome<number>> {
  const writers = await bus.setMembers(keys.writers)
  if (!writers.ok) return writers
  let swept = 0
  for (const processId of writers.value) {
    if (living.has(processId)) continue
    const outcome = await sweepProcess(bus, processId, chunkSize)
    if (!outcome.ok) return outcome
    swept += outcome.value
  }
  return accepted(swept)
}

async function sweepProcess(bus: Bus, processId: string, chunkSize: number): Promise<BusOutcome<number>> {
  const ids = await bus.setMembers(keys.connectionsOf(processId))
  if (!ids.ok) return ids
  for (let start = 0; start < ids.value.length; start += chunkSize) {
    const connections = await allOf(
      ids.value.slice(start, start + chunkSize).map((id) => readWritten(bus, id)),
    )
    if (!connections.ok) return connections
    const removed = await bus.apply(removeChanges(processId, connections.value))
    if (!removed.ok) return removed
  }
  const forgotten = await bus.apply([{ do: 'removeMembers', key: keys.writers, members: [processId] }])
  return forgotten.ok ? accepted(ids.value.length) : forgotten
}

async function readWritten(bus: Bus, id: string): Promise<BusOutcome<WrittenConnection>> {
  const subscriptionIds = await bus.setMembers(keys.requestsOf(id))
  return subscriptionIds.ok ? accepted({ id, subscriptionIds: subscriptionIds.value }) : subscriptionIds
}
