import { granted } from '../../../platform/bus/testing/index.ts'
import type { ConnectionRegistry, RegisteredConnection } from '../registry.ts'

/** Every connection, page by page, each once, by id. */
export async function listAll(
  registry: ConnectionRegistry,
  limit = 50,
): Promise<readonly RegisteredConnection[]> {
  const found = new Map<string, RegisteredConnection>()
  let cursor: string | undefined
  do {
    const { connections, next } = await granted(registry.list(cursor, limit))
    for (const facts of connections) found.set(facts.id, facts)
    cursor = next
  } while (cursor !== undefined)
  return [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
