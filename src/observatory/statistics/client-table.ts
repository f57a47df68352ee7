import type { ClientFigures } from '../snapshot.ts'
import { LastSeenUsers } from './last-seen-users.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'
import { dayOfHour, type Window } from './window.ts'
import { WindowCounter } from './window-counter.ts'

/** Clients that are counted by name. Anybody can invent names: when all are taken, the half with fewer events goes. */
export const MAX_CLIENTS = 2_048
const MAX_KINDS_PER_CLIENT = 64

/** The events that one name stands on. */
export class ClientRecord {
  readonly name: string
  events = new WindowCounter()
  users: LastSeenUsers
  lastSeenSeconds = 0
  /** By kind, the hour of its newest event. */
  readonly #kinds = new Map<number, number>()

  constructor(name: string, seed: number) {
    this.name = name
    this.users = new LastSeenUsers(seed)
  }

  count(event: { createdAt: number; hour: number; seenHour: number; kind: number }): void {
    this.events.add(event.hour, 1, event.seenHour)
    if (event.createdAt > this.lastSeenSeconds) this.lastSeenSeconds = event.createdAt
    const newest = this.#kinds.get(event.kind)
    if (newest === undefined && this.#kinds.size >= MAX_KINDS_PER_CLIENT) return
    if (newest === undefined || event.hour > newest) this.#kinds.set(event.kind, event.hour)
  }

  /** Undefined when it has no event in the window. */
  within(window: Window): ClientFigures | undefined {
    const events = this.events.within(window)
    if (events === 0) return undefined
    return {
      name: this.name,
      events,
      users: this.users.within(window),
      kinds: [...this.#kinds]
        .filter(([, hour]) => isWithin(hour, window))
        .map(([kind]) => kind)
        .sort((a, b) => a - b),
      lastSeenSeconds: this.lastSeenSeconds,
    }
  }

  write(writer: StateWriter): void {
    writer.text(this.name)
    writer.u32(this.lastSeenSeconds)
    this.events.write(writer)
    this.users.write(writer)
    writer.u32(this.#kinds.size)
    for (const [kind, hour] of this.#kinds) {
      writer.u32(kind)
      writer.u32(hour)
    }
  }

  static read(reader: StateReader, seed: number): ClientRecord {
    const read = new ClientRecord(reader.text(), seed)
    read.lastSeenSeconds = reader.u32()
    read.events = WindowCounter.read(reader)
    read.users = LastSeenUsers.read(reader, seed)
    for (let left = reader.times(8); left > 0; left--) read.#kinds.set(reader.u32(), reader.u32())
    return read
  }
}

/** The clients that events name (NIP-89). */
export class ClientTable {
  readonly #seed: number
  readonly #clients = new Map<string, ClientRecord>()
  /** Names that had to make room, for the metrics. */
  forgotten = 0

  constructor(seed: number) {
    this.#seed = seed
  }

  get size(): number {
    return this.#clients.size
  }

  get bytes(): number {
    let bytes = 0
    for (const { events, users } of this.#clients.values()) bytes += events.bytes + users.bytes
    return bytes
  }

  users(): LastSeenUsers[] {
    return [...this.#clients.values()].map(({ users }) => users)
  }

  /** Undefined for a new name when there is no room. */
  of(name: string): ClientRecord | undefined {
    const there = this.#clients.get(name)
    if (there !== undefined || this.#clients.size >= MAX_CLIENTS) return there
    const begun = new ClientRecord(name, this.#seed)
    this.#clients.set(name, begun)
    return begun
  }

  /** Between two batches: when all names are taken, those with the fewest events go. @returns rows of users that went. */
  makeRoom(): number {
    if (this.#clients.size < MAX_CLIENTS) return 0
    const fewestFirst = [...this.#clients.values()].sort((a, b) => a.events.total - b.events.total)
    let rows = 0
    for (const { name, users } of fewestFirst.slice(0, MAX_CLIENTS / 2)) {
      this.#clients.delete(name)
      rows += users.rows
    }
    this.forgotten += MAX_CLIENTS / 2
    return rows
  }

  /** Most events first. */
  within(window: Window): ClientFigures[] {
    const found: ClientFigures[] = []
    for (const client of this.#clients.values()) {
      const figures = client.within(window)
      if (figures !== undefined) found.push(figures)
    }
    return found.sort((a, b) => b.events - a.events || (a.name < b.name ? -1 : 1))
  }

  write(writer: StateWriter): void {
    writer.u32(this.#clients.size)
    for (const client of this.#clients.values()) client.write(writer)
  }

  static read(reader: StateReader, seed: number): ClientTable {
    const read = new ClientTable(seed)
    for (let left = reader.times(24); left > 0; left--) {
      const client = ClientRecord.read(reader, seed)
      read.#clients.set(client.name, client)
    }
    return read
  }
}

function isWithin(hour: number, window: Window): boolean {
  if (window.unit === 'all') return true
  return (window.unit === 'hour' ? hour : dayOfHour(hour)) >= window.from
}
