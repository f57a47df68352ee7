/**
 * The observatory of this process: its thread, the figures wherever they are kept, and what is made of them here. The
 * thread has a core to itself where there is one, so that counting the network takes nothing from the relay's clients.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { NostrEvent } from './nostr/index.ts'
import type { Range, SourcedSnapshot, StatisticsSource } from './observatory/index.ts'
import { decodeSnapshot, latestSnapshot } from './observatory/records/index.ts'
import type { Bus } from './platform/bus/index.ts'
import type { Database } from './platform/database/index.ts'
import type { ComponentHealth, Logger, LoggingOptions } from './platform/index.ts'
import { FIGURES_CHANNEL, figuresKey, type Watch, type WatchOptions, type WatchStats } from './stoa-watch.ts'
import { type ThreadAnswer, type ThreadCall, ThreadCaller } from './thread-calls.ts'

export interface ObservatoryThreadData {
  readonly options: WatchOptions
  readonly log: LoggingOptions
}

export type ObservatoryThreadMessage =
  | { readonly say: 'ready' }
  | { readonly say: 'changed'; readonly version: string }
  | { readonly say: 'events'; readonly events: readonly NostrEvent[] }
  | { readonly say: 'failed'; readonly message: string }
  | { readonly say: 'stopped' }
  | ({ readonly say: 'answer' } & ThreadAnswer)

export type ObservatoryThreadCommand = { readonly do: 'stop' } | ({ readonly do: 'call' } & ThreadCall)

export interface ObservatoryRoomDeps {
  /** Undefined where this process collects nothing. */
  readonly thread: (() => Promise<ObservatoryThreadData>) | undefined
  readonly bus: Bus
  readonly database: () => Database | undefined
  /** Verified events of other relays that were not seen before. */
  readonly onEvents: (events: readonly NostrEvent[]) => void
  readonly logger: Logger
}

/** A thread that ended is started again after so long, doubled up to the second. */
const RESTART_PAUSE_MS = 1_000
const MAX_RESTART_PAUSE_MS = 60_000
/** A thread that stops longer is ended. */
const STOP_TIMEOUT_MS = 20_000
/** Figures are asked for anew when they are so old. */
const FRESH_MS = 1_000
/** Of the database: snapshots come every few minutes. */
const DATABASE_FRESH_MS = 10_000

export class ObservatoryRoom {
  readonly #deps: ObservatoryRoomDeps
  readonly #listeners = new Set<() => void>()
  readonly #held = new Map<Range, { readonly sourced: SourcedSnapshot; readonly readAtMs: number }>()
  readonly #reading = new Map<Range, Promise<SourcedSnapshot | undefined>>()
  #worker: Worker | undefined
  #caller: ThreadCaller | undefined
  #stats: WatchStats | undefined
  #isStopping = false
  #running: Promise<void> = Promise.resolve()
  #lastFailure: string | undefined
  #stopListening = (): void => {}

  constructor(deps: ObservatoryRoomDeps) {
    this.#deps = deps
  }

  /** Begins, and returns at once. */
  start(): void {
    const { thread, bus } = this.#deps
    const subscription = bus.subscribe(FIGURES_CHANNEL, () => this.#changed())
    this.#stopListening = () => subscription.stop()
    if (thread !== undefined) this.#running = this.#keepRunning(thread)
  }

  readonly source: StatisticsSource = {
    snapshot: (range) => this.#snapshot(range),
    onChange: (listener) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    },
  }

  /** True while this process keeps the figures, and so does what is done once with them. */
  get isKeeper(): boolean {
    return this.#stats?.isKeeper === true
  }

  /** As of a second ago; undefined while the thread is not there. */
  stats(): WatchStats | undefined {
    return this.#stats
  }

  /** Relays of this process's share. */
  async relays(): Promise<ReturnType<Watch['relays']>> {
    return ((await this.#caller?.ask('relays', [])) as ReturnType<Watch['relays']> | undefined) ?? []
  }

  health(): ComponentHealth {
    if (this.#deps.thread === undefined) return { status: 'ok', is: 'reading' }
    const stats = this.#stats
    if (stats === undefined)
      return this.#lastFailure === undefined
        ? { status: 'ok', is: 'starting' }
        : { status: 'degraded', is: 'restarting', reason: this.#lastFailure }
    const { collector, delivery } = stats
    return {
      status: delivery.failuresInARow > 0 || delivery.isJournalFull ? 'degraded' : 'ok',
      is: stats.isKeeper ? 'keeping' : 'collecting',
      connected: collector.connected,
      journalBytes: delivery.journalBytes,
      isJournalFull: delivery.isJournalFull,
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    this.#stopListening()
    this.#listeners.clear()
    this.#tell({ do: 'stop' })
    await Promise.race([this.#running, delay(STOP_TIMEOUT_MS, undefined, { ref: false })])
    await this.#worker?.terminate()
  }

  async #snapshot(range: Range): Promise<SourcedSnapshot | undefined> {
    const held = this.#held.get(range)
    if (held !== undefined && performance.now() - held.readAtMs < freshFor(held.sourced)) return held.sourced
    const reading = this.#reading.get(range) ?? this.#read(range)
    this.#reading.set(range, reading)
    try {
      return (await reading) ?? held?.sourced
    } finally {
      this.#reading.delete(range)
    }
  }

  /** From the nearest that has them. What cannot be reached just now is passed over. */
  async #read(range: Range): Promise<SourcedSnapshot | undefined> {
    const sourced =
      (await this.#fromThread(range)) ?? (await this.#fromBus(range)) ?? (await this.#fromDatabase(range))
    if (sourced !== undefined) this.#held.set(range, { sourced, readAtMs: performance.now() })
    return sourced
  }

  async #fromThread(range: Range): Promise<SourcedSnapshot | undefined> {
    if (!this.isKeeper) return undefined
    try {
      const kept = (await this.#caller?.ask('snapshot', [range])) as ReturnType<Watch['snapshot']>
      return kept === undefined ? undefined : { ...kept, from: 'engine' }
    } catch {
      return undefined
    }
  }

  async #fromBus(range: Range): Promise<SourcedSnapshot | undefined> {
    const found = await this.#deps.bus.get(figuresKey(range))
    if (!found.ok || found.value === undefined) return undefined
    try {
      const { version, snapshot } = JSON.parse(found.value) as { version: string; snapshot: string }
      return { snapshot: decodeSnapshot(snapshot), from: 'cache', version }
    } catch (err) {
      this.#deps.logger.warn({ err, range }, 'observatory.figures_unreadable')
      return undefined
    }
  }

  async #fromDatabase(range: Range): Promise<SourcedSnapshot | undefined> {
    const database = this.#deps.database()
    if (database === undefined) return undefined
    try {
      const latest = await latestSnapshot(database.db, range)
      if (latest === undefined) return undefined
      return { snapshot: latest.snapshot, from: 'database', version: `${latest.takenAtSeconds}` }
    } catch (err) {
      this.#deps.logger.warn({ err, range }, 'observatory.snapshot_unread')
      return undefined
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }

  /** Runs the thread, and again when it ends, until this is stopped. */
  async #keepRunning(thread: () => Promise<ObservatoryThreadData>): Promise<void> {
    let pauseMs = RESTART_PAUSE_MS
    while (!this.#isStopping) {
      const startedMs = performance.now()
      await this.#runOnce(thread)
      if (this.#isStopping) return
      this.#deps.logger.error({ reason: this.#lastFailure, pauseMs }, 'observatory.thread_ended')
      if (performance.now() - startedMs > MAX_RESTART_PAUSE_MS) pauseMs = RESTART_PAUSE_MS
      await delay(pauseMs, undefined, { ref: false })
      pauseMs = Math.min(MAX_RESTART_PAUSE_MS, pauseMs * 2)
    }
  }

  async #runOnce(thread: () => Promise<ObservatoryThreadData>): Promise<void> {
    try {
      const data = await thread()
      if (!this.#isStopping) await this.#runThread(data)
    } catch (error) {
      this.#lastFailure = error instanceof Error ? error.message : String(error)
    }
  }

  async #runThread(workerData: ObservatoryThreadData): Promise<void> {
    const worker = new Worker(new URL('./observatory-thread.ts', import.meta.url), { workerData })
    const caller = new ThreadCaller((call) => worker.postMessage({ do: 'call', ...call }))
    const looking = setInterval(() => void this.#look(caller), FRESH_MS)
    looking.unref()
    this.#worker = worker
    worker.on('message', (message: ObservatoryThreadMessage) => this.#hear(message, caller))
    worker.on('error', (error) => {
      this.#lastFailure = error.message
    })
    await new Promise((ended) => worker.once('exit', ended))
    clearInterval(looking)
    this.#worker = undefined
    this.#caller = undefined
    this.#stats = undefined
  }

  #hear(message: ObservatoryThreadMessage, caller: ThreadCaller): void {
    switch (message.say) {
      case 'ready':
        this.#caller = caller
        this.#lastFailure = undefined
        void this.#look(caller)
        return
      case 'changed':
        this.#changed()
        return
      case 'events':
        this.#deps.onEvents(message.events)
        return
      case 'failed':
        this.#lastFailure = message.message
        return
      case 'answer':
        caller.receive(message)
        return
      case 'stopped':
    }
  }

  async #look(caller: ThreadCaller): Promise<void> {
    if (this.#caller !== caller) return
    const stats = await caller.ask('stats', []).catch(() => undefined)
    if (this.#caller === caller) this.#stats = stats as WatchStats | undefined
  }

  #tell(command: ObservatoryThreadCommand): void {
    this.#worker?.postMessage(command)
  }
}

function freshFor({ from }: SourcedSnapshot): number {
  return from === 'database' ? DATABASE_FRESH_MS : FRESH_MS
}
