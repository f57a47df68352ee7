import { accepted, refused } from '../../kernel/index.ts'
import { keepFilters } from './keep-filters.ts'
import {
  type CloseRequest,
  type ConnectionRegistry,
  type RegisteredConnection,
  unknownConnection,
} from './registry.ts'

/** The registry of a relay that is one process. */
export function createMemoryRegistry(): ConnectionRegistry {
  const connections = new Map<string, RegisteredConnection>()
  const listeners = new Set<(request: CloseRequest) => void>()
  return {
    put: async (facts) => {
      for (const one of facts)
        connections.set(one.id, { ...one, subscriptions: keepFilters(one.subscriptions) })
      return accepted(undefined)
    },
    touch: async (traffic) => {
      for (const one of traffic) {
        const known = connections.get(one.id)
        if (known !== undefined) {
          const { requests, bytesIn, bytesOut } = one
          connections.set(one.id, { ...known, requests, bytesIn, bytesOut })
        }
      }
      return accepted(undefined)
    },
    remove: async (ids) => {
      for (const id of ids) connections.delete(id)
      return accepted(undefined)
    },
    list: async (cursor, limit) => {
      // In order, so that the last id of a page says where the next one begins, whatever came and went.
      const rest = [...connections.keys()].filter((id) => cursor === undefined || id > cursor).toSorted()
      const ids = rest.slice(0, limit)
      return accepted({
        connections: ids.flatMap((id) => connections.get(id) ?? []),
        next: rest.length > limit ? ids.at(-1) : undefined,
      })
    },
    find: async (id) => accepted(connections.get(id)),
    size: async () => accepted(connections.size),
    sizeOfOthers: async () => accepted(0),
    close: async (request) => {
      if (!connections.has(request.connectionId)) return refused(unknownConnection(request.connectionId))
      for (const listener of listeners) listener(request)
      return accepted(undefined)
    },
    onClose: (listener) => {
      const own = (request: CloseRequest) => listener(request)
      listeners.add(own)
      return () => listeners.delete(own)
    },
    keepUp: async () => accepted('kept' as const),
    leave: async () => connections.clear(),
  }
}
