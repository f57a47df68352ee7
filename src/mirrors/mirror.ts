/** One mirror: a connection to another relay that is made again and again, and what goes over it. */
import { setTimeout as delay } from 'node:timers/promises'
import { type EventStore, mayRead } from '../events/index.ts'
import { type BoundedQueue, type Clock, createBoundedQueue } from '../kernel/index.ts'
import {
  type EventSigner,
  type Filter,
  isEphemeral,
  matchesAnyFilter,
  type NostrEvent,
} from '../nostr/index.ts'
import type { Logger } from '../platform/index.ts'
import { takeIn } from './download.ts'
import { narrowed } from './filter-json.ts'
import type { Intake } from './intake.ts'
import type { CheckedMirror, MirrorSettings } from './mirror-settings.ts'
import {
  closeGap,
  isComparisonDue,
  type MirrorRecord,
  type Progress,
  planGaps,
  shortenGap,
} from './mirror-state.ts'
import { createPace } from './pace.ts'
import { eventsAskedFor } from './peer-events.ts'
import { peerFailure } from './peer-failure.ts'
import type { PeerSubscription } from './peer-subscription.ts'
import { RecentIds } from './recent-ids.ts'
import { connectRelay, type RelayClient, type RelayClientLimits } from './relay-client.ts'
import { createSignal } from './signal.ts'
import { syncOver } from './sync.ts'
import {
  audienceOf,
  MAX_BAD_EVENTS,
  newSyncTotals,
  noteBad,
  noteRefusal,
  type SyncTotals,
  type Transfer,
} from './transfer.ts'
import { mayGoOut } from './upload.ts'

export type MirrorPhase =
  /** An operator has stopped it. */
  | 'paused'
  | 'connecting'
  /** The past is compared or fetched; what is new passes already. */
  | 'catching-up'
  | 'live'
  /** The last connection has failed; the next one is made at `retryAtSeconds`. */
  | 'waiting'

/** A mirror as a console shows it. */
export interface MirrorStatus {
  readonly name: string
  readonly settings: Omit<MirrorSettings, 'url'>
  /** From the configuration, and not added while running. */
  readonly isConfigured: boolean
  readonly phase: MirrorPhase
  readonly sinceSeconds: number
  readonly retryAtSeconds: number | undefined
  /** What went wrong last; it stays until a connection has caught up. */
  readonly lastError: string | undefined
  readonly connections: number
  /** When something came or went last. */
  readonly lastEventSeconds: number | undefined
  /** Spans of the past that are still to be done. */
  readonly openGaps: number
  /** Live events that were not sent, because too many waited; they go out with the next comparison. */
  readonly overflowed: number
  /** Since the program started. */
  readonly totals: Readonly<Omit<SyncTotals, 'refusals'>>
  readonly refusals: Readonly<Record<string, number>>
}

export interface MirrorDeps {
  readonly store: EventStore
  readonly intake: Intake
  readonly clock: Clock
  readonly logger: Logger | undefined
  readonly signer: EventSigner | undefined
  readonly limits: Partial<RelayClientLimits>
  readonly backoff: Backoff
  /** From 0 to 1. */
  readonly random: () => number
  /** Something worth remembering has changed. */
  readonly onChanged: () => void
}

export interface Backoff {
  readonly firstMs: number
  readonly maxMs: number
}

interface Outgoing {
  readonly id: string
  readonly json: string
}

/** Live events that may wait to be sent. */
const MAX_OUTGOING = 5_000
const EVENTS_IN_FLIGHT = 32
/** Ids that came from the other relay or went there: not sent back. */
const RECENT_IDS = 20_000
/** Ids of events that were refused for good: each comparison would bring them again. About 10 MB. */
const UNWANTED_IDS = 50_000
const EVENTS_PER_BATCH = 250
/** How often it is looked whether something has to be caught up with. */
const RECHECK_MS = 30_000

export class Mirror {
  readonly name: string
  readonly #mirror: CheckedMirror
  readonly #deps: MirrorDeps
  /** From the configuration, and not added while running. */
  readonly isConfigured: boolean
  readonly #filtersKey: string
  readonly #totals = newSyncTotals()
  readonly #recent = new RecentIds(RECENT_IDS)
  /** Forgotten at a pause: by then the rules may be others. */
  #unwanted = new RecentIds(UNWANTED_IDS)
  readonly #outgoing: BoundedQueue<Outgoing> = createBoundedQueue({ max: MAX_OUTGOING, whenFull: 'refuse' })
  readonly #outgoingWaits = createSignal()
  #progress: Progress | undefined
  #isPaused: boolean
  #phase: MirrorPhase = 'paused'
  #sinceSeconds: number
  #retryAtSeconds: number | undefined
  #lastError: string | undefined
  #lastEventSeconds: number | undefined
  #connections = 0
  #failures = 0
  #overflowed = 0
  #hasOverflowed = false
  #stopping: AbortController | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(
    mirror: CheckedMirror,
    record: MirrorRecord | undefined,
    isConfigured: boolean,
    deps: MirrorDeps,
  ) {
    this.name = mirror.name
    this.#mirror = mirror
    this.#deps = deps
    this.isConfigured = isConfigured
    this.#filtersKey = JSON.stringify([mirror.settings.direction, mirror.filters])
    this.#progress = record?.progress
    this.#isPaused = record?.isPaused ?? false
    this.#sinceSeconds = deps.clock.nowSeconds()
  }

  get settings(): MirrorSettings {
    return this.#mirror.settings
  }

  get record(): MirrorRecord {
    return {
      name: this.name,
      isPaused: this.#isPaused,
      ...(!this.isConfigured && { added: this.settings }),
      ...(this.#progress !== undefined && { progress: this.#progress }),
    }
  }

  status(): MirrorStatus {
    const { url: _secret, ...settings } = this.settings
    const { refusals, ...totals } = this.#totals
    return {
      name: this.name,
      settings,
      isConfigured: this.isConfigured,
      phase: this.#phase,
      sinceSeconds: this.#sinceSeconds,
      retryAtSeconds: this.#retryAtSeconds,
      lastError: this.#lastError,
      connections: this.#connections,
      lastEventSeconds: this.#lastEventSeconds,
      openGaps: this.#progress?.gaps.length ?? 0,
      overflowed: this.#overflowed,
      totals,
      refusals: Object.fromEntries(refusals),
    }
  }

  /** Begins, unless an operator has paused it. */
  start(): void {
    if (this.#isPaused || this.#stopping !== undefined) return
    this.#unwanted = new RecentIds(UNWANTED_IDS)
    this.#stopping = new AbortController()
    this.#running = this.#run(this.#stopping.signal)
  }

  async stop(): Promise<void> {
    this.#stopping?.abort()
    await this.#running
    this.#stopping = undefined
    this.#outgoing.takeAll()
  }

  async pause(): Promise<void> {
    this.#isPaused = true
    await this.stop()
    this.#enter('paused')
    this.#deps.onChanged()
  }

  resume(): void {
    this.#isPaused = false
    this.#failures = 0
    this.start()
    this.#deps.onChanged()
  }

  /** A new event of ours, that the other relay may want. Never waits. */
  offer(event: NostrEvent, json: Uint8Array): void {
    // Nobody is fed at the moment; the next connection compares.
    if (this.#stopping === undefined || this.#phase === 'waiting') return
    if (this.settings.direction === 'pull' || !this.#wantsOut(event)) return
    this.#recent.add(event.id)
    if (this.#outgoing.push({ id: event.id, json: Buffer.from(json).toString() })) this.#outgoingWaits.raise()
    else {
      this.#overflowed += 1
      this.#hasOverflowed = true
    }
  }

  #wantsOut(event: NostrEvent): boolean {
    // An event that two mirrors are told of, or one that came from there, must not go in circles.
    if (isEphemeral(event.kind) || this.#recent.has(event.id)) return false
    if (!matchesAnyFilter(this.#mirror.filters, event) || !mayGoOut(event)) return false
    const audience = audienceOf(this.settings)
    return audience === undefined || mayRead(audience, event)
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#connection(signal)
      } catch (error) {
        if (!signal.aborted) await this.#wait(error, signal)
      }
    }
  }

  /** Later and later, and never all at once: each waits a random part of its time. */
  async #wait(error: unknown, signal: AbortSignal): Promise<void> {
    const { backoff, random, clock, logger } = this.#deps
    const longestMs = Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(this.#failures, 30))
    const waitMs = Math.round(longestMs / 2 + (random() * longestMs) / 2)
    this.#failures += 1
    this.#lastError = error instanceof Error ? error.message : String(error)
    this.#enter('waiting')
    this.#retryAtSeconds = clock.nowSeconds() + Math.ceil(waitMs / 1_000)
    logger?.warn(
      { mirror: this.name, waitMs, failures: this.#failures, err: error },
      'mirrors.connection_lost',
    )
    this.#outgoing.takeAll()
    await delay(waitMs, undefined, { signal }).catch(() => undefined)
    this.#retryAtSeconds = undefined
  }

  async #connection(signal: AbortSignal): Promise<void> {
    const { signer, limits } = this.#deps
    this.#enter('connecting')
    const { url, direction } = this.settings
    const client = await connectRelay({ url, limits, signal, ...(signer !== undefined && { signer }) })
    this.#connections += 1
    const ending = new AbortController()
    const feeds: Promise<never>[] = []
    try {
      const transfer = this.#transferOver(client, AbortSignal.any([signal, ending.signal]))
      // New events are listened to before the past is looked at, so that none falls between.
      if (direction !== 'push') feeds.push(this.#pull(await this.#listen(transfer), transfer))
      if (direction !== 'pull') feeds.push(this.#push(transfer))
      feeds.push(
        this.#catchUp(transfer),
        client.closed.then((failure) => Promise.reject(failure)),
      )
      await Promise.all(feeds)
    } finally {
      ending.abort()
      client.close()
      await Promise.allSettled(feeds)
    }
  }

  /** Resolves when everything that the relay sends from now on will be heard. */
  async #listen(transfer: Transfer): Promise<PeerSubscription> {
    // One stored event, which is not needed: not every relay takes a limit of none.
    const live = transfer.client.request(this.#mirror.filters.map((filter) => ({ ...filter, limit: 1 })))
    while (!(await this.#takeNews(live, transfer)));
    return live
  }

  async #pull(live: PeerSubscription, transfer: Transfer): Promise<never> {
    for (;;) await this.#takeNews(live, transfer)
  }

  /** Returns whether the stored events have come to their end. */
  async #takeNews(live: PeerSubscription, transfer: Transfer): Promise<boolean> {
    const { events, isStoredSent, closedText } = await live.next(EVENTS_PER_BATCH)
    const wanted = eventsAskedFor(events, this.#mirror.filters)
    noteBad(transfer, events.length - wanted.length)
    for (const { id } of wanted) this.#recent.add(id)
    await takeIn(wanted, transfer)
    if (closedText !== undefined) throw peerFailure(this.name, `ended the subscription: ${closedText}`)
    return isStoredSent
  }

  async #push(transfer: Transfer): Promise<never> {
    const { client } = transfer
    const inFlight = new Set<Promise<void>>()
    void client.closed.then(() => this.#outgoingWaits.raise())
    for (;;) {
      if (!client.isOpen) throw await client.closed
      const next = this.#outgoing.shift()
      if (next === undefined) {
        await this.#outgoingWaits.wait()
        continue
      }
      await transfer.pace(1)
      const sending = this.#send(next, transfer)
      inFlight.add(sending)
      void sending.finally(() => inFlight.delete(sending))
      if (inFlight.size >= EVENTS_IN_FLIGHT) await Promise.race(inFlight)
    }
  }

  /** An event without an answer is sent again when the next connection compares. */
  async #send({ id, json }: Outgoing, { client, totals, onProgress }: Transfer): Promise<void> {
    try {
      const { isAccepted, text } = await client.publish(id, json)
      if (isAccepted) totals.uploaded += 1
      else {
        totals.uploadRefused += 1
        noteRefusal(totals, text)
        // What was too fast now is not too fast later.
        if (text.startsWith('rate-limited')) this.#hasOverflowed = true
      }
      onProgress(totals)
    } catch {
      this.#hasOverflowed = true
    }
  }

  async #catchUp(transfer: Transfer): Promise<never> {
    for (;;) {
      this.#enter('catching-up')
      this.#hasOverflowed = false
      this.#progress = planGaps(this.#progress, this.#filtersKey, this.#deps.clock.nowSeconds())
      await this.#closeGaps(transfer)
      this.#failures = 0
      this.#lastError = undefined
      this.#enter('live')
      await this.#untilDue(transfer.signal)
    }
  }

  async #closeGaps(transfer: Transfer): Promise<void> {
    const { filters } = this.#mirror
    for (let gap = this.#progress?.gaps.at(-1); gap !== undefined; gap = this.#progress?.gaps.at(-1)) {
      for (const filter of filters) {
        const within = narrowed(filter, gap)
        if (within !== undefined) await this.#syncPast(within, transfer)
      }
      this.#remember(closeGap)
    }
  }

  async #syncPast(filter: Filter, transfer: Transfer): Promise<void> {
    const { direction } = this.settings
    const { source, ...options } = transfer
    await syncOver(transfer.client, {
      ...options,
      filter,
      direction: direction === 'pull' ? 'down' : direction === 'push' ? 'up' : 'both',
      origin: source.origin,
      takesProtected: source.takesProtected,
      // Only where one filter goes one way is a span done down to a second.
      ...(direction === 'pull' &&
        this.#mirror.filters.length === 1 && {
          onReached: (untilSeconds) => this.#remember((progress) => shortenGap(progress, untilSeconds)),
        }),
    })
  }

  #remember(change: (progress: Progress) => Progress): void {
    if (this.#progress === undefined) return
    this.#progress = change(this.#progress)
    this.#deps.onChanged()
  }

  /** Until events were left out, or everything has to be compared again. */
  async #untilDue(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps
    while (!this.#hasOverflowed && !isComparisonDue(this.#progress, clock.nowSeconds())) {
      await delay(RECHECK_MS, undefined, { signal })
    }
  }

  #enter(phase: MirrorPhase): void {
    if (phase === this.#phase) return
    this.#phase = phase
    this.#sinceSeconds = this.#deps.clock.nowSeconds()
    this.#deps.logger?.debug({ mirror: this.name, phase }, 'mirrors.phase')
  }

  #transferOver(client: RelayClient, signal: AbortSignal): Transfer {
    const { store, intake, clock } = this.#deps
    const { maxEventCharacters, maxEventsPerSecond, sharesPrivate, takesProtected } = this.settings
    return {
      client,
      store,
      intake,
      source: { origin: 'mirror', peer: this.name, takesProtected },
      clock,
      totals: this.#totals,
      unwanted: this.#unwanted,
      badLeft: { events: MAX_BAD_EVENTS },
      maxEventCharacters,
      sharesPrivate,
      pace: createPace(maxEventsPerSecond, clock, signal),
      onProgress: () => {
        this.#lastEventSeconds = clock.nowSeconds()
      },
      signal,
    }
  }
}
