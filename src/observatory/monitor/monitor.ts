import type { Kysely } from 'kysely'
import type { Clock } from '../../kernel/index.ts'
import {
  isHex64,
  type MonitorAnnouncement,
  monitorAnnouncement,
  type NostrEvent,
  normalizeRelayUrl,
  parseRelayDiscovery,
  RELAY_DISCOVERY_KIND,
  relayDiscovery,
  type UnsignedTemplate,
} from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { MonitorBody } from '../api/bodies.ts'
import { COMPARED_REQUIREMENTS, disagreementsOf } from './disagreements.ts'
import { discoveryOf } from './discovery-of.ts'
import { isOnline, type MonitoredRelay } from './monitored-relay.ts'
import { PublishingPlan } from './publishing-plan.ts'
import {
  forgetOldNotes,
  KEPT_SECONDS,
  type MonitorNote,
  readNotes,
  writeNotes,
} from './relay-monitors-table.ts'

/** What is due is looked for this often. */
const TICK_MS = 1_000
/** After something could not be published, nothing is for a while. */
const PAUSE_AFTER_FAILURE_SECONDS = 30
/** Notes that wait to be written; whoever hands in one more waits. */
const MAX_WAITING_NOTES = 2_000
/** Notes are written when the oldest has waited so long. */
const WRITE_AFTER_SECONDS = 5
const FORGET_EVERY_SECONDS = 3_600
/** An event dated further ahead says nothing. */
const MAX_AHEAD_SECONDS = 900
/** A relay that has not acknowledged a probe by then is not timed. */
const PROBE_TIMEOUT_MS = 10_000
/** Ephemeral, so that no relay keeps it; NIP-66 names no kind for it. */
const PROBE_KIND = 20_166

export interface MonitorSettings {
  /** Each relay is published once in this time. */
  readonly frequencySeconds: number
  /** Events of kind 30166 at most. */
  readonly maxPerMinute: number
  /** What is announced: milliseconds by check, as the collector waits. */
  readonly timeoutsMs?: ReadonlyMap<string, number>
  /** Where the monitor stands (NIP-52); not said when absent. */
  readonly geohash?: string
}

export interface MonitorDeps {
  /** All relays that we know of, as they are now. */
  readonly reports: () => readonly MonitoredRelay[]
  /** Signs an event with the key of the observatory and stores it in the own relay. */
  readonly publish: (template: UnsignedTemplate) => Promise<void>
  readonly clock: Clock
  readonly settings: MonitorSettings
  readonly db: Kysely<Tables>
  /** The key that `publish` signs with: its events are not another monitor's. */
  readonly pubkey?: string
  /**
   * Writes an event to a relay and times the OK, in milliseconds; undefined when it refuses. Absent (the usual case): writing is
   * not measured. It is asked only of relays that say that anybody may write.
   */
  readonly measureWrite?: (
    url: string,
    probe: UnsignedTemplate,
    signal: AbortSignal,
  ) => Promise<number | undefined>
}

export interface MonitorCounters {
  readonly published: number
  readonly failedToPublish: number
  readonly noted: number
  /** Not of kind 30166, not readable, ours, of no time that counts, or of a relay that we do not know. */
  readonly passedOver: number
  /** There was no room for another monitor, or another relay of one. */
  readonly withoutRoom: number
}

/** This observatory as a monitor of relays (NIP-66). */
export interface Monitor {
  /** Begins to publish. */
  start(): void
  /** Publishes nothing more, waits for what is under way, and writes what was noted. */
  stop(): Promise<void>
  /** Does what is due now; `start` calls it every second. Never fails: what went wrong is counted, and tried again. */
  tick(): Promise<void>
  /**
   * Takes in an event of another monitor; its signature must have been verified. When too many wait to be written, it waits
   * for the database, and throws what that throws.
   */
  note(event: NostrEvent): Promise<void>
  /** What other monitors say of a relay, newest first, and where it differs from what we see. */
  monitorsOf(url: string): Promise<readonly MonitorBody[]>
  counters(): MonitorCounters
}

export function openMonitor(deps: MonitorDeps): Monitor {
  return new OpenMonitor(deps)
}

class OpenMonitor implements Monitor {
  readonly #deps: MonitorDeps
  readonly #plan: PublishingPlan
  readonly #waiting = new Map<string, MonitorNote>()
  readonly #counters = { published: 0, failedToPublish: 0, noted: 0, passedOver: 0, withoutRoom: 0 }
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #ticking: Promise<void> | undefined
  #writing: Promise<void> | undefined
  /** What was announced last, to find that it has changed. */
  #announced = ''
  #pausedUntilSeconds = 0
  #forgotAtSeconds = 0
  #oldestWaitingSeconds = 0
  /** Spare allowance of the last minute, and when it was counted. */
  #allowance = 1
  #allowanceAtMs: number
  /** By relay as `normalizeRelayUrl` spells it; made anew with each tick. */
  #known: ReadonlyMap<string, MonitoredRelay> = new Map()
  /** Of the URLs of the last reports. */
  #spellings: ReadonlyMap<string, string> = new Map()

  constructor(deps: MonitorDeps) {
    this.#deps = deps
    this.#plan = new PublishingPlan(deps.settings.frequencySeconds)
    this.#allowanceAtMs = deps.clock.nowMs()
    this.#lookAtReports()
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.tick(), TICK_MS).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#stopping.abort()
    await this.#ticking
    await this.#writeNotes()
  }

  tick(): Promise<void> {
    this.#ticking ??= this.#tick().finally(() => {
      this.#ticking = undefined
    })
    return this.#ticking
  }

  async note(event: NostrEvent): Promise<void> {
    const note = this.#noteOf(event)
    if (note === undefined) {
      this.#counters.passedOver++
      return
    }
    const pair = `${note.relay} ${note.monitor}`
    const other = this.#waiting.get(pair)
    if (other !== undefined && other.atSeconds >= note.atSeconds) return
    while (this.#waiting.size >= MAX_WAITING_NOTES) await this.#writeNotes()
    if (this.#waiting.size === 0) this.#oldestWaitingSeconds = this.#deps.clock.nowSeconds()
    this.#waiting.set(pair, note)
    this.#counters.noted++
  }

  async monitorsOf(url: string): Promise<readonly MonitorBody[]> {
    const relay = normalizeRelayUrl(url)
    if (relay === undefined) return []
    await this.#writeNotes()
    const ours = this.#known.get(relay)
    const nowSeconds = this.#deps.clock.nowSeconds()
    const notes = await readNotes(this.#deps.db, relay)
    return notes.map((note) => ({
      monitor: note.monitor,
      at: new Date(note.atSeconds * 1000).toISOString(),
      rtt_open: note.rttOpenMs ?? null,
      rtt_read: note.rttReadMs ?? null,
      rtt_write: note.rttWriteMs ?? null,
      disagreements: ours === undefined ? [] : disagreementsOf(note, ours, nowSeconds),
    }))
  }

  counters(): MonitorCounters {
    return { ...this.#counters }
  }

  async #tick(): Promise<void> {
    this.#lookAtReports()
    try {
      await this.#keepNotes()
    } catch {
      // The database is away: the notes stay, and `note` makes their senders wait.
    }
    if (this.#deps.clock.nowSeconds() < this.#pausedUntilSeconds) return
    try {
      await this.#announce()
      await this.#publishDue()
    } catch {
      this.#counters.failedToPublish++
      this.#pausedUntilSeconds = this.#deps.clock.nowSeconds() + PAUSE_AFTER_FAILURE_SECONDS
    }
  }

  #lookAtReports(): void {
    const known = new Map<string, MonitoredRelay>()
    const spellings = new Map<string, string>()
    for (const relay of this.#deps.reports()) {
      // Parsing thousands of URLs anew each second would be most of the work.
      const spelling = this.#spellings.get(relay.url) ?? normalizeRelayUrl(relay.url)
      if (spelling === undefined) continue
      spellings.set(relay.url, spelling)
      known.set(spelling, relay)
    }
    this.#known = known
    this.#spellings = spellings
  }

  async #announce(): Promise<void> {
    const { settings, measureWrite, publish, clock } = this.#deps
    const announcement: MonitorAnnouncement = {
      frequencySeconds: settings.frequencySeconds,
      timeoutsMs: settings.timeoutsMs ?? new Map(),
      checks: ['open', 'read', 'nip11', ...(measureWrite === undefined ? [] : ['write'])],
      geohashes: settings.geohash === undefined ? [] : [settings.geohash],
    }
    const template = monitorAnnouncement(announcement, clock.nowSeconds())
    const tags = JSON.stringify(template.tags)
    if (tags === this.#announced) return
    await publish(template)
    this.#announced = tags
  }

  async #publishDue(): Promise<void> {
    const { clock, publish } = this.#deps
    // A relay that is down at its moment stays due, and is published when it is back.
    const proven = new Map(
      [...this.#known.values()].filter(({ isProven }) => isProven).map((relay) => [relay.url, relay]),
    )
    const due = this.#plan
      .due([...proven.keys()], clock.nowSeconds())
      .map((url) => proven.get(url)!)
      // That a monitor publishes a relay means that it is online; silence means that it is not.
      .filter(isOnline)
    for (const relay of due.slice(0, this.#takeAllowance(due.length))) {
      if (this.#stopping.signal.aborted) return
      const rttWriteMs = await this.#measureWrite(relay)
      const template = relayDiscovery(discoveryOf(relay, rttWriteMs), clock.nowSeconds())
      if (template.ok) {
        await publish(template.value)
        this.#counters.published++
      }
      this.#plan.published(relay.url, clock.nowSeconds())
    }
  }

  /** How many may go out now: a minute's allowance comes back evenly, and at most two seconds' of it are saved up. */
  #takeAllowance(wanted: number): number {
    const { clock, settings } = this.#deps
    const nowMs = clock.nowMs()
    const perMs = settings.maxPerMinute / 60_000
    const most = Math.max(1, perMs * 2 * TICK_MS)
    this.#allowance = Math.min(most, this.#allowance + (nowMs - this.#allowanceAtMs) * perMs)
    this.#allowanceAtMs = nowMs
    const taken = Math.min(wanted, Math.floor(this.#allowance))
    this.#allowance -= taken
    return taken
  }

  async #measureWrite({ url, information }: MonitoredRelay): Promise<number | undefined> {
    const { measureWrite, clock } = this.#deps
    if (measureWrite === undefined || information === undefined) return undefined
    const { needsAuth, needsPayment, needsWork, restrictsWrites } = information
    if (needsAuth || needsPayment || needsWork || restrictsWrites) return undefined
    const probe = {
      kind: PROBE_KIND,
      created_at: clock.nowSeconds(),
      tags: [],
      content: 'A probe of NIP-66: please forget.',
    }
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(PROBE_TIMEOUT_MS)])
    try {
      return await measureWrite(url, probe, signal)
    } catch {
      return undefined // The relay's failure is no reason not to publish the rest.
    }
  }

  #noteOf(event: NostrEvent): MonitorNote | undefined {
    const { clock, pubkey } = this.#deps
    const nowSeconds = clock.nowSeconds()
    if (event.kind !== RELAY_DISCOVERY_KIND || event.pubkey === pubkey || !isHex64(event.pubkey))
      return undefined
    const isOfItsTime =
      event.created_at <= nowSeconds + MAX_AHEAD_SECONDS && event.created_at > nowSeconds - KEPT_SECONDS
    const parsed = isOfItsTime ? parseRelayDiscovery(event) : undefined
    if (parsed === undefined || !parsed.ok) return undefined
    const relay = normalizeRelayUrl(parsed.value.url)
    if (relay === undefined || !this.#known.has(relay)) return undefined
    const { rttOpenMs, rttReadMs, rttWriteMs, nips } = parsed.value
    // What is not compared is not kept: a stranger's text has no business in our tables.
    const requirements = new Map(
      [...parsed.value.requirements].filter(([key]) => COMPARED_REQUIREMENTS.has(key)),
    )
    const atSeconds = event.created_at
    return { relay, monitor: event.pubkey, atSeconds, rttOpenMs, rttReadMs, rttWriteMs, nips, requirements }
  }

  async #keepNotes(): Promise<void> {
    const nowSeconds = this.#deps.clock.nowSeconds()
    if (this.#waiting.size > 0 && nowSeconds - this.#oldestWaitingSeconds >= WRITE_AFTER_SECONDS)
      await this.#writeNotes()
    if (nowSeconds - this.#forgotAtSeconds < FORGET_EVERY_SECONDS) return
    await forgetOldNotes(this.#deps.db, nowSeconds)
    this.#forgotAtSeconds = nowSeconds
  }

  /** One writing at a time, of all that wait when it begins; what could not be written waits on. */
  #writeNotes(): Promise<void> {
    this.#writing ??= this.#writeWaiting().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #writeWaiting(): Promise<void> {
    const notes = [...this.#waiting.entries()]
    if (notes.length === 0) return
    this.#counters.withoutRoom += await writeNotes(
      this.#deps.db,
      notes.map(([, note]) => note),
    )
    for (const [pair, note] of notes) if (this.#waiting.get(pair) === note) this.#waiting.delete(pair)
    this.#oldestWaitingSeconds = this.#deps.clock.nowSeconds()
  }
}
