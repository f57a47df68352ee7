import type { Kysely } from 'kysely'
import {
  isHex64,
  type NostrEvent,
  normalizeRelayUrl,
  parseRelayDiscovery,
  RELAY_DISCOVERY_KIND,
} from '../../nostr/index.ts'
import type { Tables } from '../../platform/database/index.ts'
import type { MonitorBody } from '../api/bodies.ts'
import { COMPARED_REQUIREMENTS, disagreementsOf } from './disagreements.ts'
import { type MonitoredRelay, timesOf } from './monitored-relay.ts'
import type { RelayTimes } from './probe-relay.ts'
import {
  forgetOldNotes,
  KEPT_SECONDS,
  type MonitorNote,
  readNotes,
  writeNotes,
} from './relay-monitors-table.ts'
import { type PublisherDeps, RelayPublisher } from './relay-publisher.ts'

/** What is due is looked for this often. */
const TICK_MS = 1_000
/** Notes that wait to be written; whoever hands in one more waits. */
const MAX_WAITING_NOTES = 2_000
/** Notes are written when the oldest has waited so long. */
const WRITE_AFTER_SECONDS = 5
const FORGET_EVERY_SECONDS = 3_600
/** An event dated further ahead says nothing. */
const MAX_AHEAD_SECONDS = 900

export interface MonitorDeps extends PublisherDeps {
  /** All relays that we know of, as they are now. */
  readonly reports: () => readonly MonitoredRelay[]
  readonly db: Kysely<Tables>
  /** The key that `publish` signs with: its events are not another monitor's. */
  readonly pubkey?: string
  /**
   * Whether this process publishes now: only one of those that share a key is to. Absent: it does. A process that does not
   * still takes in what others say.
   */
  readonly publishes?: () => boolean
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
  /** Begins to publish, and to know the relays of which others may speak. */
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
  readonly #waiting = new Map<string, MonitorNote>()
  readonly #counters = { published: 0, failedToPublish: 0, noted: 0, passedOver: 0, withoutRoom: 0 }
  #publisher: RelayPublisher | undefined
  #timer: NodeJS.Timeout | undefined
  #ticking: Promise<void> | undefined
  #writing: Promise<void> | undefined
  #forgotAtSeconds = 0
  #oldestWaitingSeconds = 0
  /** By relay as `normalizeRelayUrl` spells it; made anew with each tick. */
  #known: ReadonlyMap<string, MonitoredRelay> = new Map()
  /** Of the URLs of the last reports. */
  #spellings: ReadonlyMap<string, string> = new Map()

  constructor(deps: MonitorDeps) {
    this.#deps = deps
    this.#lookAtReports()
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.tick(), TICK_MS).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
    // Before the tick, so that what it waits for ends; and after it, since it may have been the first one.
    await this.#publisher?.stop()
    await this.#ticking
    await this.#publisher?.stop()
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
      disagreements:
        ours === undefined
          ? []
          : disagreementsOf(note, { relay: ours, times: this.#timesOf(ours) }, nowSeconds),
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
    await this.#publishOrNot()
  }

  async #publishOrNot(): Promise<void> {
    const isToPublish = this.#deps.publishes?.() ?? true
    if (isToPublish) {
      this.#publisher ??= new RelayPublisher(this.#deps, this.#counters)
      await this.#publisher.tick([...this.#known.values()])
      return
    }
    // Whoever begins again has not published for a while, and another process has: it begins as after a start.
    const ending = this.#publisher
    this.#publisher = undefined
    await ending?.stop()
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

  #timesOf(relay: MonitoredRelay): RelayTimes {
    return timesOf(relay, this.#publisher?.timesOf(relay.url))
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
