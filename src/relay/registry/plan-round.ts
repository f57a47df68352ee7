import type { ConnectionTraffic, RegisteredConnection } from './registry.ts'

/** What stands in the registry for this process; undefined where nobody knows exactly. */
export type Written = ReadonlyMap<string, RegisteredConnection | undefined>

export interface Round {
  readonly put: readonly RegisteredConnection[]
  readonly touch: readonly RegisteredConnection[]
  readonly remove: readonly string[]
}

/** What has to be written so that the registry shows the connections as they are now. Pure. */
export function planRound(written: Written, connections: readonly RegisteredConnection[]): Round {
  const put: RegisteredConnection[] = []
  const touch: RegisteredConnection[] = []
  const open = new Set<string>()
  for (const facts of connections) {
    open.add(facts.id)
    const known = written.get(facts.id)
    if (known === undefined || !isSameButTraffic(known, facts)) put.push(facts)
    else if (!isSameTraffic(known, facts)) touch.push(facts)
  }
  return { put, touch, remove: [...written.keys()].filter((id) => !open.has(id)) }
}

function isSameTraffic(a: ConnectionTraffic, b: ConnectionTraffic): boolean {
  return a.requests === b.requests && a.bytesIn === b.bytesIn && a.bytesOut === b.bytesOut
}

function isSameButTraffic(a: RegisteredConnection, b: RegisteredConnection): boolean {
  return (
    a.level === b.level &&
    a.address === b.address &&
    a.startedAtMs === b.startedAtMs &&
    isSameList(a.pubkeys, b.pubkeys, Object.is) &&
    isSameList(a.authenticatorIds, b.authenticatorIds, Object.is) &&
    isSameList(
      a.subscriptions,
      b.subscriptions,
      (one, other) => one.id === other.id && one.filtersJson === other.filtersJson,
    )
  )
}

function isSameList<T>(a: readonly T[], b: readonly T[], isSame: (one: T, other: T) => boolean): boolean {
  return a === b || (a.length === b.length && a.every((one, index) => isSame(one, b[index] as T)))
}
