/** Which clients are asked for, and in what order. */
import type { ClientFigures } from '../../snapshot.ts'
import { type Sorting, sorted } from './sorting.ts'

export interface ClientFilter {
  /** Those that write one of these kinds. */
  readonly kind: readonly number[] | undefined
  readonly q: string | undefined
}

export const CLIENT_SORT_KEYS = {
  count: (client) => client.events,
  // The same order: all are shares of the same whole.
  percentage: (client) => client.events,
  users: (client) => client.users.count,
  lastSeen: (client) => client.lastSeenSeconds,
} as const satisfies Readonly<Record<string, (client: ClientFigures) => number | undefined>>

export type ClientSorting = Sorting<keyof typeof CLIENT_SORT_KEYS>

export function listClients(
  clients: readonly ClientFigures[],
  { kind, q }: ClientFilter,
  sorting: ClientSorting,
): readonly ClientFigures[] {
  const part = q?.toLowerCase()
  const found = clients.filter(
    ({ name, kinds }) =>
      (kind === undefined || kind.some((one) => kinds.includes(one))) &&
      (part === undefined || name.toLowerCase().includes(part)),
  )
  return sorted(found, { ...sorting, figureOf: CLIENT_SORT_KEYS[sorting.by], nameOf: ({ name }) => name })
}
