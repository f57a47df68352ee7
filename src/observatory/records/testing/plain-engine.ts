/** What the keeper needs of the statistics, in the plainest way: sets and maps, and JSON as its state. */
import type { Checkpoint, StatisticsChanges } from '../../changes.ts'
import type { ObservationBatch } from '../../observation-batch.ts'
import { type Range, rangeStart } from '../../ranges.ts'
import type { RelayReport } from '../../relay-report.ts'
import type { Snapshot } from '../../snapshot.ts'
import type { Engine, EngineFactory } from '../engine.ts'

interface State {
  readonly relays: [number, string][]
  /** Relay, hour, kind; and how many. */
  readonly relayEvents: [string, number][]
  readonly networkEvents: [string, { events: number; zaps: number; zapMsat: string }][]
  /** By day, the authors. */
  readonly users: [number, string[]][]
  readonly clients: [string, number][]
  readonly reports: number
  readonly repeated: number
}

const DAY = 86_400
const EMPTY: State = {
  relays: [],
  relayEvents: [],
  networkEvents: [],
  users: [],
  clients: [],
  reports: 0,
  repeated: 0,
}

export const plainEngines: EngineFactory = {
  create: () => new PlainEngine(EMPTY, []),
  restore: (state, knownDays) =>
    new PlainEngine(JSON.parse(Buffer.from(state).toString()) as State, knownDays),
}

class PlainEngine implements Engine {
  readonly #relays: Map<number, string>
  readonly #relayEvents: Map<string, number>
  readonly #networkEvents: Map<string, { events: number; zaps: number; zapMsat: bigint }>
  readonly #users: Map<number, Set<string>>
  readonly #clients: Map<string, number>
  readonly #notLoaded: Set<number>
  readonly #fingerprints = new Map<number, Set<bigint>>()
  #fresh = new Map<number, bigint[]>()
  #reports: number
  #repeated: number

  constructor(state: State, knownDays: readonly number[]) {
    this.#relays = new Map(state.relays)
    this.#relayEvents = new Map(state.relayEvents)
    this.#networkEvents = new Map(
      state.networkEvents.map(([key, sums]) => [key, { ...sums, zapMsat: BigInt(sums.zapMsat) }]),
    )
    this.#users = new Map(state.users.map(([day, users]) => [day, new Set(users)]))
    this.#clients = new Map(state.clients)
    this.#notLoaded = new Set(knownDays)
    this.#reports = state.reports
    this.#repeated = state.repeated
  }

  knowRelay({ relay, url }: { readonly relay: number; readonly url: string }): void {
    this.#relays.set(relay, url)
  }

  missingDays(batch: ObservationBatch): readonly number[] {
    const days = new Set<number>()
    for (let row = 0; row < batch.count; row++) days.add(Math.floor(batch.createdAt[row]! / DAY))
    return [...days].filter((day) => this.#notLoaded.has(day))
  }

  addFingerprints(day: number, parts: readonly Uint8Array[]): void {
    const ofDay = this.#ofDay(day)
    for (const part of parts) {
      const bytes = Buffer.from(part)
      for (let at = 0; at < bytes.length; at += 8) ofDay.add(bytes.readBigUInt64LE(at))
    }
    this.#notLoaded.delete(day)
  }

  apply(batch: ObservationBatch): StatisticsChanges {
    const relayEvents = new Map<string, number>()
    const networkEvents = new Map<string, { events: number; zaps: number; zapMsat: bigint }>()
    const clients = new Map<string, { events: number; kinds: Set<number>; lastSeenSeconds: number }>()
    const days = new Set<number>()
    let [counted, repeated] = [0, 0]
    for (let row = 0; row < batch.count; row++) {
      const { relay, event, author, kind, createdAt, zapMsat, client } = batch.at(row)
      if (!this.#relays.has(relay)) throw new Error(`relay ${relay} is not known`)
      const [hour, day] = [Math.floor(createdAt / 3600), Math.floor(createdAt / DAY)]
      const id = (BigInt(event.high) << 32n) | BigInt(event.low)
      if (!this.#isNew(day, BigInt.asUintN(64, id ^ (BigInt(relay) * 0x9e37_79b9_7f4a_7c15n)))) {
        repeated++
        continue
      }
      counted++
      add(relayEvents, `${relay} ${hour} ${kind}`, 1)
      if (!this.#isNew(day, id)) continue
      const key = `${hour} ${kind}`
      const before = networkEvents.get(key) ?? { events: 0, zaps: 0, zapMsat: 0n }
      networkEvents.set(key, {
        events: before.events + 1,
        zaps: before.zaps + (zapMsat > 0n ? 1 : 0),
        zapMsat: before.zapMsat + zapMsat,
      })
      const users = this.#users.get(day) ?? new Set()
      this.#users.set(day, users.add(`${author.high} ${author.low}`))
      days.add(day)
      if (client === undefined) continue
      const ofClient = clients.get(client) ?? { events: 0, kinds: new Set(), lastSeenSeconds: 0 }
      clients.set(client, {
        events: ofClient.events + 1,
        kinds: ofClient.kinds.add(kind),
        lastSeenSeconds: Math.max(ofClient.lastSeenSeconds, createdAt),
      })
    }
    for (const [key, events] of relayEvents) add(this.#relayEvents, key, events)
    for (const [key, sums] of networkEvents) {
      const all = this.#networkEvents.get(key) ?? { events: 0, zaps: 0, zapMsat: 0n }
      this.#networkEvents.set(key, {
        events: all.events + sums.events,
        zaps: all.zaps + sums.zaps,
        zapMsat: all.zapMsat + sums.zapMsat,
      })
    }
    for (const [name, { events }] of clients) add(this.#clients, name, events)
    this.#repeated += repeated
    return {
      relayEvents: Array.from(relayEvents, ([key, events]) => {
        const [relay = 0, hour = 0, kind = 0] = key.split(' ').map(Number)
        return { relay, hour, kind, events }
      }),
      networkEvents: Array.from(networkEvents, ([key, sums]) => {
        const [hour = 0, kind = 0] = key.split(' ').map(Number)
        return { hour, kind, ...sums }
      }),
      clients: Array.from(clients, ([name, { kinds, ...sums }]) => ({ name, kinds: [...kinds], ...sums })),
      activeUsers: Array.from(days, (day) => {
        const users = this.#users.get(day)?.size ?? 0
        return { day, users, newUsers: users, registers: new Uint8Array(256).fill(users % 256) }
      }),
      counted,
      repeated,
      futureDated: 0,
      absurdlyDated: 0,
    }
  }

  report(reports: readonly RelayReport[]): void {
    this.#reports += reports.length
  }

  snapshot(range: Range, nowSeconds: number): Snapshot {
    const startSeconds = rangeStart(range, nowSeconds)
    const isIn = (hour: number) => startSeconds === undefined || hour * 3600 >= startSeconds
    const inRange = [...this.#networkEvents].filter(([key]) => isIn(Number(key.split(' ')[0])))
    const users = new Set(
      [...this.#users].filter(([day]) => isIn(day * 24)).flatMap(([, ofDay]) => [...ofDay]),
    )
    const exactly = (count: number) => ({ count, isApproximate: false, error: 0 })
    const zapMsat = inRange.reduce((sum, [, sums]) => sum + sums.zapMsat, 0n)
    const zaps = inRange.reduce((sum, [, sums]) => sum + sums.zaps, 0)
    return {
      range,
      atSeconds: nowSeconds,
      startSeconds,
      coverage: {
        relaysKnown: this.#relays.size,
        relaysWatched: this.#reports,
        relaysConnected: 0,
        relaysCandidate: 0,
        regions: [],
        firstSeenSeconds: undefined,
        lastSeenSeconds: undefined,
        futureDated: 0,
        absurdlyDated: 0,
        repeated: this.#repeated,
      },
      events: inRange.reduce((sum, [, { events }]) => sum + events, 0),
      users: exactly(users.size),
      newUsers: exactly(users.size),
      returningUsers: exactly(0),
      activeRelays: this.#relays.size,
      latencyP50Ms: undefined,
      latencyP95Ms: undefined,
      averageLatencyMs: undefined,
      byKind: [],
      timeline: inRange.map(([key, sums]) => ({
        startSeconds: Number(key.split(' ')[0]) * 3600,
        events: sums.events,
        users: 0,
        zaps: sums.zaps,
        zapMsat: sums.zapMsat,
      })),
      zaps: { count: zaps, msat: zapMsat, checkedCount: 0, checkedMsat: 0n },
      longForm: { events: 0, users: exactly(0) },
      languages: [],
      clients: Array.from(this.#clients, ([name, events]) => ({
        name,
        events,
        users: exactly(0),
        kinds: [],
        lastSeenSeconds: 0,
      })),
      taggedEvents: 0,
      relays: Array.from(this.#relays, ([relay, url]) => this.#figuresOf(relay, url, isIn)),
      cohorts: [],
    }
  }

  checkpoint(): Checkpoint {
    const state: State = {
      relays: [...this.#relays],
      relayEvents: [...this.#relayEvents],
      networkEvents: Array.from(this.#networkEvents, ([key, sums]) => [
        key,
        { ...sums, zapMsat: sums.zapMsat.toString() },
      ]),
      users: Array.from(this.#users, ([day, users]) => [day, [...users]]),
      clients: [...this.#clients],
      reports: this.#reports,
      repeated: this.#repeated,
    }
    const fingerprints = Array.from(this.#fresh, ([day, fresh]) => {
      const bytes = Buffer.alloc(fresh.length * 8)
      for (const [place, fingerprint] of fresh.entries()) bytes.writeBigUInt64LE(fingerprint, place * 8)
      return [day, bytes] as const
    })
    return { state: Buffer.from(JSON.stringify(state)), fingerprints: new Map(fingerprints) }
  }

  commitCheckpoint(): void {
    this.#fresh = new Map()
  }

  #figuresOf(relay: number, url: string, isIn: (hour: number) => boolean) {
    const events = [...this.#relayEvents].reduce((sum, [key, count]) => {
      const [of = 0, hour = 0] = key.split(' ').map(Number)
      return of === relay && isIn(hour) ? sum + count : sum
    }, 0)
    return {
      relay,
      url,
      state: 'live' as const,
      events,
      users: { count: 0, isApproximate: false, error: 0 },
      kinds: [],
      latencyP50Ms: undefined,
      latencyP95Ms: 12.5,
      uptime: 0.75,
      healthScore: 80,
      information: undefined,
      offences: {},
      firstSeenSeconds: undefined,
      lastEventSeconds: undefined,
    }
  }

  #isNew(day: number, fingerprint: bigint): boolean {
    if (this.#notLoaded.has(day)) throw new Error(`day ${day} is not loaded`)
    const ofDay = this.#ofDay(day)
    if (ofDay.has(fingerprint)) return false
    ofDay.add(fingerprint)
    const fresh = this.#fresh.get(day) ?? []
    this.#fresh.set(day, fresh)
    fresh.push(fingerprint)
    return true
  }

  #ofDay(day: number): Set<bigint> {
    const found = this.#fingerprints.get(day) ?? new Set()
    this.#fingerprints.set(day, found)
    return found
  }
}

function add(map: Map<string, number>, key: string, count: number): void {
  map.set(key, (map.get(key) ?? 0) + count)
}
