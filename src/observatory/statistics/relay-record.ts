import { hash } from 'node:crypto'
import { SECONDS_PER_DAY, SECONDS_PER_HOUR } from '../ranges.ts'
import {
  OFFENCES,
  type Offence,
  type RelayInformationFacts,
  type RelayReport,
  type RelayState,
} from '../relay-report.ts'
import { type Salt, saltOf } from './fingerprint-hash.ts'
import { type CounterBudget, KeyedCounters } from './keyed-counters.ts'
import { LastSeenUsers } from './last-seen-users.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import type { StateReader, StateWriter } from './state-bytes.ts'
import type { Window } from './window.ts'
import { WindowCounter } from './window-counter.ts'

const PAIR = 1
/** Measurements that one report may bring. */
const MAX_SAMPLES = 1_000
/** Offences of one sort that one report may bring. */
const MAX_OFFENCES = 1_000_000
/** Places that relays are measured from. */
export const MAX_REGIONS = 32
/** A collector that reported nothing for so long is gone, and nobody knows whether it is connected. */
const REPORT_LIFETIME_SECONDS = 900

/** Where several regions see a relay in different states, the one that comes first here. */
const RANKS: Readonly<Record<RelayState, number>> = {
  live: 0,
  polling: 1,
  'catching-up': 2,
  connecting: 3,
  waiting: 4,
  candidate: 5,
  refused: 6,
}
const CONNECTED: ReadonlySet<RelayState> = new Set(['live', 'polling', 'catching-up'])
const WATCHED: ReadonlySet<RelayState> = new Set([...CONNECTED, 'connecting', 'waiting'] as const)

/** How one region saw the relay last. */
interface RegionState {
  readonly state: RelayState
  readonly atSeconds: number
  /** A hash of what the report of that second measured, to recognise it when it comes again. */
  readonly measured: string
}

interface Facts {
  url: string | undefined
  isProven: boolean
  firstSeenSeconds: number | undefined
  lastEventSeconds: number | undefined
  information: RelayInformationFacts | undefined
  informationAtSeconds: number
}

/** An hour, and the one in which it was heard of. */
interface SeenHour {
  readonly hour: number
  readonly seenHour: number
}

interface RelayRecordOptions {
  readonly index: number
  readonly seed: number
  readonly kindBudget: CounterBudget
}

/** Everything that is counted of one relay. */
export class RelayRecord {
  readonly relay: number
  /** Its place among the relays of the engine. */
  readonly index: number
  /** Makes (relay, event) out of an event. */
  readonly salt: Salt
  /** Rises whenever anything of it changes, so that others need not read it again. */
  changes = 0
  #facts: Facts = {
    url: undefined,
    isProven: false,
    firstSeenSeconds: undefined,
    lastEventSeconds: undefined,
    information: undefined,
    informationAtSeconds: 0,
  }
  events = new WindowCounter()
  users: LastSeenUsers
  kinds: KeyedCounters
  offences = new KeyedCounters({ left: OFFENCES.length })
  #watched = new WindowCounter()
  #connected = new WindowCounter()
  #latency: LatencyHistogram | undefined
  #regions = new Map<string, RegionState>()

  constructor(relay: number, { index, seed, kindBudget }: RelayRecordOptions) {
    this.relay = relay
    this.index = index
    this.salt = relaySalt(relay)
    this.users = new LastSeenUsers(seed)
    this.kinds = new KeyedCounters(kindBudget)
  }

  get bytes(): number {
    return (
      this.events.bytes +
      this.users.bytes +
      this.kinds.bytes +
      this.offences.bytes +
      this.#watched.bytes +
      this.#connected.bytes +
      (this.#latency?.bytes ?? 0)
    )
  }

  /** From where it is measured. */
  get regions(): Iterable<string> {
    return this.#regions.keys()
  }

  get facts(): Readonly<Facts> {
    return this.#facts
  }

  named(url: string): void {
    this.#facts.url = url
    this.changes += 1
  }

  seen(atSeconds: number): void {
    const { firstSeenSeconds } = this.#facts
    if (firstSeenSeconds !== undefined && atSeconds >= firstSeenSeconds) return
    this.#facts.firstSeenSeconds = atSeconds
    this.changes += 1
  }

  /** An event that holds is what proves a relay. How many they are, `addEvents` says later. */
  proveBy(createdAt: number): void {
    const facts = this.#facts
    facts.isProven = true
    if (facts.lastEventSeconds === undefined || createdAt > facts.lastEventSeconds)
      facts.lastEventSeconds = createdAt
    this.changes += 1
  }

  addEvents({ kind, events }: { readonly kind: number; readonly events: number }, at: SeenHour): void {
    this.events.add(at.hour, events, at.seenHour)
    this.kinds.add(kind, events, at)
    this.changes += 1
  }

  /** @returns whether it counted: the same report of the same second, again, does not. */
  report(report: RelayReport, region: string): boolean {
    const last = this.#regions.get(region)
    const { atSeconds } = report
    const { state, watchedSeconds, connectedSeconds, readMs, pingMs, offences } = report
    const all = JSON.stringify([state, watchedSeconds, connectedSeconds, readMs, pingMs, offences])
    const measured = hash('sha256', all, 'base64').slice(0, 12)
    if (last?.atSeconds === atSeconds && last.measured === measured) return false
    this.changes += 1
    if ((last === undefined && this.#regions.size < MAX_REGIONS) || (last && atSeconds >= last.atSeconds))
      this.#regions.set(region, { state, atSeconds, measured })
    if (report.isProven) {
      this.#facts.isProven = true
      this.seen(atSeconds)
    }
    if (report.information !== undefined && atSeconds >= this.#facts.informationAtSeconds) {
      this.#facts.information = report.information
      this.#facts.informationAtSeconds = atSeconds
    }
    this.#measure(report)
    return true
  }

  stateAt(nowSeconds: number): RelayState {
    let fresh: RelayState | undefined
    let newest: RegionState | undefined
    for (const seen of this.#regions.values()) {
      const isFresh = seen.atSeconds > nowSeconds - REPORT_LIFETIME_SECONDS
      if (isFresh && (fresh === undefined || RANKS[seen.state] < RANKS[fresh])) fresh = seen.state
      if (newest === undefined || seen.atSeconds > newest.atSeconds) newest = seen
    }
    return fresh ?? newest?.state ?? (this.#facts.isProven ? 'waiting' : 'candidate')
  }

  isWatchedAt(nowSeconds: number): boolean {
    return this.#regions.size > 0 && WATCHED.has(this.stateAt(nowSeconds))
  }

  /** By a report that is not too old. */
  isConnectedAt(nowSeconds: number): boolean {
    for (const { state, atSeconds } of this.#regions.values())
      if (CONNECTED.has(state) && atSeconds > nowSeconds - REPORT_LIFETIME_SECONDS) return true
    return false
  }

  /** 0 … 1; undefined when it was not watched in the window. */
  uptime(window: Window): number | undefined {
    const watched = this.#watched.within(window)
    return watched === 0 ? undefined : this.#connected.within(window) / watched
  }

  latency(window: Window): Uint32Array | undefined {
    return this.#latency?.within(window)
  }

  offencesWithin(window: Window): Partial<Record<Offence, number>> {
    const found: Partial<Record<Offence, number>> = {}
    for (const { key, count } of this.offences.within(window)) found[OFFENCES[key]!] = count
    return found
  }

  write(writer: StateWriter): void {
    writer.u32(this.relay)
    writer.text(JSON.stringify({ facts: this.#facts, regions: [...this.#regions] }))
    this.events.write(writer)
    this.users.write(writer)
    this.kinds.write(writer)
    this.offences.write(writer)
    this.#watched.write(writer)
    this.#connected.write(writer)
    writer.u32(this.#latency === undefined ? 0 : 1)
    this.#latency?.write(writer)
  }

  static read(reader: StateReader, options: RelayRecordOptions): RelayRecord {
    const read = new RelayRecord(reader.u32(), options)
    // Our own bytes, in a checkpoint whose length and version fit.
    const { facts, regions } = JSON.parse(reader.text()) as {
      facts: Partial<Facts>
      regions: [string, RegionState][]
    }
    read.#facts = { ...read.#facts, ...facts }
    read.#regions = new Map(regions)
    read.events = WindowCounter.read(reader)
    read.users = LastSeenUsers.read(reader, options.seed)
    read.kinds = KeyedCounters.read(reader, options.kindBudget)
    read.offences = KeyedCounters.read(reader, { left: OFFENCES.length })
    read.#watched = WindowCounter.read(reader)
    read.#connected = WindowCounter.read(reader)
    if (reader.u32() === 1) read.#latency = LatencyHistogram.read(reader)
    return read
  }

  #measure(report: RelayReport): void {
    const hour = Math.floor(report.atSeconds / SECONDS_PER_HOUR)
    const at = { hour, seenHour: hour }
    // A report is of the time since the last one; more than a day is a clock that was set.
    const watched = Math.min(SECONDS_PER_DAY, Math.max(0, Math.round(report.watchedSeconds)))
    const connected = Math.min(watched, Math.max(0, Math.round(report.connectedSeconds)))
    if (watched > 0) this.#watched.add(hour, watched, hour)
    if (connected > 0) this.#connected.add(hour, connected, hour)
    for (const samples of [report.readMs, report.pingMs]) {
      for (const ms of samples.slice(0, MAX_SAMPLES)) {
        if (!Number.isFinite(ms) || ms < 0) continue
        this.#latency ??= new LatencyHistogram()
        this.#latency.add(hour, ms)
      }
    }
    for (const [index, offence] of OFFENCES.entries()) {
      const count = Math.floor(Math.min(MAX_OFFENCES, report.offences[offence] ?? 0))
      if (count > 0) this.offences.add(index, count, at)
    }
  }
}

export function relaySalt(relay: number): Salt {
  return saltOf(PAIR, relay)
}
