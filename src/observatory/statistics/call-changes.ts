import type {
  ActiveUsersChange,
  ClientChange,
  NetworkEventsChange,
  RelayEventsChange,
  StatisticsChanges,
} from '../changes.ts'
import type { NetworkFigures } from './network-figures.ts'
import { Tally } from './tally.ts'
import type { UserTable } from './user-table.ts'

/** What one call of `apply` changes, gathered while it counts and handed out as rows at its end. */
export class CallChanges {
  readonly #relayEvents = new Tally()
  readonly #networkEvents = new Tally()
  readonly #zaps = new Map<string, { zaps: number; zapMsat: bigint }>()
  readonly #clients = new Map<string, { events: number; kinds: Set<number>; lastSeenSeconds: number }>()
  readonly #days = new Set<number>()
  counted = 0
  repeated = 0
  futureDated = 0
  absurdlyDated = 0

  get bytes(): number {
    return this.#relayEvents.bytes + this.#networkEvents.bytes
  }

  /** `relayIndex` is below 65,536, as a kind is. */
  addRelayEvent(relayIndex: number, kind: number, hour: number): void {
    this.#relayEvents.add((relayIndex * 65_536 + kind) >>> 0, hour)
  }

  addNetworkEvent(kind: number, hour: number): void {
    this.#networkEvents.add(kind, hour)
  }

  addZap(kind: number, hour: number, msat: bigint): void {
    const key = `${kind} ${hour}`
    const there = this.#zaps.get(key)
    this.#zaps.set(key, { zaps: (there?.zaps ?? 0) + 1, zapMsat: (there?.zapMsat ?? 0n) + msat })
  }

  addClient(name: string, kind: number, createdAt: number): void {
    let there = this.#clients.get(name)
    if (there === undefined) {
      there = { events: 0, kinds: new Set(), lastSeenSeconds: 0 }
      this.#clients.set(name, there)
    }
    there.events += 1
    there.kinds.add(kind)
    if (createdAt > there.lastSeenSeconds) there.lastSeenSeconds = createdAt
  }

  /** A day has a user more. */
  addDay(day: number): void {
    this.#days.add(day)
  }

  /** The rows; empty again afterwards. */
  drain(relayOf: (index: number) => number, network: NetworkFigures, users: UserTable): StatisticsChanges {
    for (const day of users.changedDays) this.#days.add(day)
    users.changedDays.clear()
    const changes: StatisticsChanges = {
      relayEvents: this.#drainRelayEvents(relayOf),
      networkEvents: this.#drainNetworkEvents(),
      clients: this.#drainClients(),
      activeUsers: [...this.#days].map((day) => activeUsersOf(day, network, users)),
      counted: this.counted,
      repeated: this.repeated,
      futureDated: this.futureDated,
      absurdlyDated: this.absurdlyDated,
    }
    this.#zaps.clear()
    this.#clients.clear()
    this.#days.clear()
    this.counted = 0
    this.repeated = 0
    this.futureDated = 0
    this.absurdlyDated = 0
    return changes
  }

  #drainRelayEvents(relayOf: (index: number) => number): RelayEventsChange[] {
    return this.#relayEvents.drain((key, hour, events) => ({
      hour,
      relay: relayOf(key >>> 16),
      kind: key & 0xffff,
      events,
    }))
  }

  #drainNetworkEvents(): NetworkEventsChange[] {
    return this.#networkEvents.drain((kind, hour, events) => {
      const zapped = this.#zaps.size === 0 ? undefined : this.#zaps.get(`${kind} ${hour}`)
      return { hour, kind, events, zaps: zapped?.zaps ?? 0, zapMsat: zapped?.zapMsat ?? 0n }
    })
  }

  #drainClients(): ClientChange[] {
    return [...this.#clients].map(([name, { events, kinds, lastSeenSeconds }]) => ({
      name,
      events,
      kinds: [...kinds].sort((a, b) => a - b),
      lastSeenSeconds,
    }))
  }
}

const NO_REGISTERS = new Uint8Array(256)

function activeUsersOf(day: number, network: NetworkFigures, users: UserTable): ActiveUsersChange {
  return {
    day,
    users: network.days.get(day)?.users ?? 0,
    newUsers: users.newByDay.get(day) ?? 0,
    registers: (network.registers.get(day) ?? NO_REGISTERS).slice(),
  }
}
