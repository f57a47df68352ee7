/** Deliveries that their number determines, and what all tables must say when they were counted: plainly. */
import type { Delivery } from '../../delivery.ts'
import { ObservationBatch } from '../../observation-batch.ts'
import type { Offence, RelayReport, RelayState } from '../../relay-report.ts'

/** The time at which the clocks of tests stand; behind that of any database. */
export const NOW_SECONDS = 1_790_000_000
export const RELAY_URLS = Array.from({ length: 12 }, (_, n) => `wss://relay-${n}.example/`)
const KINDS = [0, 1, 7, 9735, 30023]
const STATES: readonly RelayState[] = ['connecting', 'live', 'waiting', 'polling']
const OFFENCES: readonly Offence[] = ['forged-id', 'no-eose', 'flood']

/** A number below `below` that `seed` determines. */
function chosen(seed: number, below: number): number {
  let x = (seed + 0x9e37_79b9) | 0
  x = Math.imul(x ^ (x >>> 16), 0x85eb_ca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35)
  return ((x ^ (x >>> 16)) >>> 0) % below
}

/** The event is what its number says, to whichever relay it comes; a third is old, and days lie far apart. */
function addEvent(batch: ObservationBatch, relay: number, event: number): void {
  const age =
    event % 3 === 0 ? chosen(event, 300) * 86_400 + chosen(event + 1, 86_400) : chosen(event, 40_000)
  const kind = KINDS[chosen(event + 2, KINDS.length)]!
  batch.add({
    relay,
    event: { high: chosen(event + 3, 0xffff_ffff), low: event },
    author: { high: 7, low: chosen(event + 4, 500) },
    kind,
    createdAt: NOW_SECONDS - age,
    seenAt: NOW_SECONDS,
    client: event % 5 === 0 ? `client ${event % 4}` : undefined,
    zapMsat: kind === 9735 ? 1_000n * BigInt(event) : 0n,
    isZapSignerChecked: false,
    language: 0,
  })
}

/** Of a number of events that many deliveries share. @param relays the numbers of `RELAY_URLS` in the table. */
export function plannedDelivery(n: number, relays: readonly number[], events = 2_000): Delivery {
  const observations = new ObservationBatch()
  for (let row = 0; row < 60; row++) {
    const seed = n * 1_000 + row
    addEvent(observations, relays[chosen(seed, relays.length)]!, chosen(seed + 500, events))
  }
  const reports = [0, 1, 2].map((place) => plannedReport(n, relays[(n + place) % relays.length]!, place))
  return { collector: `collector-${n % 2}`, region: n % 3 === 0 ? 'eu' : 'us', observations, reports }
}

function plannedReport(n: number, relay: number, place: number): RelayReport {
  const seed = n * 10 + place
  return {
    relay,
    atSeconds: NOW_SECONDS + n,
    state: STATES[chosen(seed, STATES.length)]!,
    reason: `why ${n}`,
    watchedSeconds: 10,
    connectedSeconds: chosen(seed, 11),
    openMs: [30],
    readMs: [20 + chosen(seed, 200)],
    pingMs: [10, 11],
    offences: { [OFFENCES[chosen(seed, OFFENCES.length)]!]: 1 + chosen(seed, 3) },
    isProven: true,
    failures: 0,
    nextTrySeconds: NOW_SECONDS,
    cursor: { since: 1_000, until: NOW_SECONDS + n },
  }
}

export interface PlainCount {
  /** By relay, hour and kind. */
  readonly relayEvents: ReadonlyMap<string, number>
  /** By hour and kind: events, zaps, millisatoshi. */
  readonly networkEvents: ReadonlyMap<string, string>
  readonly clients: ReadonlyMap<string, number>
  /** By day. */
  readonly users: ReadonlyMap<number, number>
  readonly events: number
  readonly reports: number
  readonly watchedSeconds: number
  readonly offences: ReadonlyMap<string, number>
}

/** Each (relay, event) pair once for the relay, each event once for the network, each delivery's reports once. */
export function plainCount(deliveries: readonly Delivery[]): PlainCount {
  const pairs = new Set<string>()
  const events = new Set<number>()
  const relayEvents = new Map<string, number>()
  const network = new Map<string, { events: number; zaps: number; msat: bigint }>()
  const clients = new Map<string, number>()
  const users = new Map<number, Set<number>>()
  const offences = new Map<string, number>()
  let [reports, watchedSeconds] = [0, 0]
  for (const delivery of deliveries) {
    for (let row = 0; row < delivery.observations.count; row++) {
      const seen = delivery.observations.at(row)
      const hour = Math.floor(seen.createdAt / 3600)
      if (pairs.has(`${seen.relay} ${seen.event.low}`)) continue
      pairs.add(`${seen.relay} ${seen.event.low}`)
      add(relayEvents, `${seen.relay} ${hour} ${seen.kind}`, 1)
      if (events.has(seen.event.low)) continue
      events.add(seen.event.low)
      const sums = network.get(`${hour} ${seen.kind}`) ?? { events: 0, zaps: 0, msat: 0n }
      network.set(`${hour} ${seen.kind}`, sums)
      sums.events++
      sums.zaps += seen.zapMsat > 0n ? 1 : 0
      sums.msat += seen.zapMsat
      if (seen.client !== undefined) add(clients, seen.client, 1)
      const day = Math.floor(hour / 24)
      users.set(day, (users.get(day) ?? new Set()).add(seen.author.low))
    }
    for (const report of delivery.reports) {
      reports++
      watchedSeconds += report.watchedSeconds
      for (const [what, count] of Object.entries(report.offences))
        add(offences, `${report.relay} ${what}`, count)
    }
  }
  return {
    relayEvents,
    networkEvents: new Map(
      Array.from(network, ([key, sums]) => [key, `${sums.events} ${sums.zaps} ${sums.msat}`] as const),
    ),
    clients,
    users: new Map(Array.from(users, ([day, ofDay]) => [day, ofDay.size] as const)),
    events: events.size,
    reports,
    watchedSeconds,
    offences,
  }
}

function add(map: Map<string, number>, key: string, count: number): void {
  map.set(key, (map.get(key) ?? 0) + count)
}
