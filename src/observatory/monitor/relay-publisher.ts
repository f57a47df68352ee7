/** Publishes what is announced, and each relay at its moment (NIP-66), measured right before. */
import type { Clock } from '../../kernel/index.ts'
import {
  type MonitorAnnouncement,
  monitorAnnouncement,
  relayDiscovery,
  type UnsignedTemplate,
} from '../../nostr/index.ts'
import { discoveryOf } from './discovery-of.ts'
import { isOnline, isOpenToAll, type MonitoredRelay, timesOf } from './monitored-relay.ts'
import type { RelayProbe, RelayTimes } from './probe-relay.ts'
import { PublishingPlan } from './publishing-plan.ts'

/** After something could not be published, nothing is for a while. */
const PAUSE_AFTER_FAILURE_SECONDS = 30
/** At most so much of a minute's allowance is saved up, in milliseconds. */
const MAX_SAVED_MS = 2_000
/** What a probe measures, in the words of NIP-66. */
const PROBED = ['open', 'read', 'write'] as const

/** Counted over all publishers of a monitor. */
export interface PublishedCounts {
  published: number
  failedToPublish: number
}

export interface MonitorSettings {
  /** Each relay is published once in this time. */
  readonly frequencySeconds: number
  /** Events of kind 30166 at most. */
  readonly maxPerMinute: number
  /** What is announced of checks that the probe does not make: milliseconds by check (`nip11`), as the collector waits. */
  readonly timeoutsMs?: ReadonlyMap<string, number>
  /** Where the monitor stands (NIP-52); not said when absent. */
  readonly geohash?: string
}

export interface PublisherDeps {
  /** Signs an event with the key of the observatory and stores it in the own relay. */
  readonly publish: (template: UnsignedTemplate) => Promise<void>
  readonly clock: Clock
  readonly settings: MonitorSettings
  /** Measures each relay right before it is published; absent: what the collector measured is published. */
  readonly probe?: RelayProbe
}

export class RelayPublisher {
  readonly #deps: PublisherDeps
  readonly #counts: PublishedCounts
  readonly #plan: PublishingPlan
  readonly #stopping = new AbortController()
  /** Relays that are being measured and published, by URL. */
  readonly #underWay = new Map<string, Promise<void>>()
  /** What the probe measured last, by URL; of relays that are known. */
  readonly #times = new Map<string, RelayTimes>()
  /** What was announced last, to find that it has changed. */
  #announced = ''
  #pausedUntilSeconds = 0
  /** Spare allowance of the last minute, and when it was counted. */
  #allowance = 1
  #allowanceAtMs: number

  constructor(deps: PublisherDeps, counts: PublishedCounts) {
    this.#deps = deps
    this.#counts = counts
    this.#plan = new PublishingPlan(deps.settings.frequencySeconds)
    this.#allowanceAtMs = deps.clock.nowMs()
  }

  /** Publishes what is due, or begins to measure it. Never fails: what went wrong is counted, and tried again. */
  async tick(relays: readonly MonitoredRelay[]): Promise<void> {
    if (this.#deps.clock.nowSeconds() < this.#pausedUntilSeconds) return
    try {
      await this.#announce()
      await this.#publishDue(relays)
    } catch {
      this.#failed()
    }
  }

  /** What the probe measured of a relay last; undefined when it did not, or came to nothing. */
  timesOf(url: string): RelayTimes | undefined {
    return this.#times.get(url)
  }

  /** Publishes nothing more, and waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#underWay.values())
  }

  async #announce(): Promise<void> {
    const { publish, clock } = this.#deps
    const template = monitorAnnouncement(this.#announcement(), clock.nowSeconds())
    const tags = JSON.stringify(template.tags)
    if (tags === this.#announced) return
    await publish(template)
    this.#announced = tags
  }

  #announcement(): MonitorAnnouncement {
    const { settings, probe } = this.#deps
    // One time is for all that a probe does: each part of it may take as long as that.
    const checks = PROBED.filter((check) => check !== 'write' || probe?.writes !== false)
    const timeouts = probe === undefined ? [] : checks.map((check) => [check, probe.timeoutMs] as const)
    return {
      frequencySeconds: settings.frequencySeconds,
      timeoutsMs: new Map([...(settings.timeoutsMs ?? []), ...timeouts]),
      // Without a probe the collector times what it reads.
      checks: [...(probe === undefined ? ['read'] : checks), 'nip11'],
      geohashes: settings.geohash === undefined ? [] : [settings.geohash],
    }
  }

  async #publishDue(relays: readonly MonitoredRelay[]): Promise<void> {
    const { clock, probe } = this.#deps
    // A relay that is down at its moment stays due, and is published when it is back.
    const proven = new Map(relays.filter(({ isProven }) => isProven).map((relay) => [relay.url, relay]))
    for (const url of this.#times.keys()) if (!proven.has(url)) this.#times.delete(url)
    const due = this.#plan
      .due([...proven.keys()], clock.nowSeconds())
      .filter((url) => !this.#underWay.has(url))
      .map((url) => proven.get(url)!)
      // That a monitor publishes a relay means that it is online; silence means that it is not.
      .filter(isOnline)
    const room = probe === undefined ? due.length : Math.max(0, probe.maxAtOnce - this.#underWay.size)
    for (const relay of due.slice(0, this.#takeAllowance(Math.min(room, due.length)))) {
      if (this.#stopping.signal.aborted) return
      if (probe === undefined) await this.#publish(relay)
      else this.#begin(relay, probe)
    }
  }

  /** How many may go out now: a minute's allowance comes back evenly, and little of it is saved up. */
  #takeAllowance(wanted: number): number {
    const { clock, settings } = this.#deps
    const nowMs = clock.nowMs()
    const perMs = settings.maxPerMinute / 60_000
    const most = Math.max(1, perMs * MAX_SAVED_MS)
    this.#allowance = Math.min(most, this.#allowance + (nowMs - this.#allowanceAtMs) * perMs)
    this.#allowanceAtMs = nowMs
    const taken = Math.min(wanted, Math.floor(this.#allowance))
    this.#allowance -= taken
    return taken
  }

  /** One that takes long to answer holds nobody else up. */
  #begin(relay: MonitoredRelay, probe: RelayProbe): void {
    const work = this.#measureAndPublish(relay, probe)
      .catch(() => this.#failed())
      .finally(() => this.#underWay.delete(relay.url))
    this.#underWay.set(relay.url, work)
  }

  async #measureAndPublish(relay: MonitoredRelay, probe: RelayProbe): Promise<void> {
    const { signal } = this.#stopping
    const times = await probe.measure(relay.url, { writes: isOpenToAll(relay) }, signal)
    if (signal.aborted) return
    if (times.openMs === undefined) this.#times.delete(relay.url)
    else this.#times.set(relay.url, times)
    await this.#publish(relay)
  }

  async #publish(relay: MonitoredRelay): Promise<void> {
    const { clock, publish } = this.#deps
    const discovery = discoveryOf(relay, timesOf(relay, this.#times.get(relay.url)))
    const template = relayDiscovery(discovery, clock.nowSeconds())
    if (template.ok) {
      await publish(template.value)
      this.#counts.published++
    }
    this.#plan.published(relay.url, clock.nowSeconds())
  }

  #failed(): void {
    this.#counts.failedToPublish++
    this.#pausedUntilSeconds = this.#deps.clock.nowSeconds() + PAUSE_AFTER_FAILURE_SECONDS
  }
}
