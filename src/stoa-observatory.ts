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
import { whenAborted } from './stoa-endings.ts'
import { holdFigures } from './stoa-held-figures.ts'
import { FIGURES_CHANNEL, figuresKey, RELAYS_CHANNEL } from './stoa-observatory-channels.ts'
import type { Watch, WatchOptions, WatchStats } from './stoa-watch.ts'
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

export type ObservatoryThreadCommand =
  | { readonly do: 'stop' }
  | { readonly do: 'look-at-relays' }
  | ({ readonly do: 'call' } & ThreadCall)

export interface ObservatoryRoomDeps {
  /** Undefined where this process collects nothing. */
  readonly thread: (() => Promise<ObservatoryThreadData>) | undefined
  readonly bus: Bus
  readonly database: () => Database | undefined
  /** Verified events of other relays that were not seen before. */
  readonly onEvents: (events: readonly NostrEvent[]) => void
  readonly logger: Logger
  /** What the thread runs; `observatory-thread.ts` when absent. */
  readonly threadFile?: URL
}

const THREAD_FILE = new URL('./observatory-thread.ts', import.meta.url)
/** A thread that ended is started again after so long, doubled up to the second. */
const RESTART_PAUSE_MS = 1_000
const MAX_RESTART_PAUSE_MS = 60_000
/** A thread that stops longer is ended. */
const STOP_TIMEOUT_MS = 20_000
/** How often the thread is asked how it is. */
const LOOK_MS = 1_000
/** A thread that has not answered for so long is busy with something; figures are then shown as they were. */
const ANSWER_TIMEOUT_MS = 2_000
/**
 * What lives long in the thread is in typed arrays; what dies young is small. Three times a semi-space of 4 MB: as fast as
 * V8's own choice of 48, and tens of megabytes less (bench/observatory/statistics.ts).
 */
const YOUNG_GENERATION_MB = 12
/** For so long it may be busy before `/health` says so. */
const BUSY_MS = 10_000
/** Looks over which observations a second are told. */
const PACE_LOOKS = 10

export class ObservatoryRoom {
  readonly #deps: ObservatoryRoomDeps
  readonly #figures = holdFigures((range) => this.#read(range))
  #worker: Worker | undefined
  #caller: ThreadCaller | undefined
  #stats: WatchStats | undefined
  #paces: { readonly atMs: number; readonly observations: number }[] = []
  /** When the thread said last how it is. */
  #heardAtMs = 0
  #isLooking = false
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()
  #lastFailure: string | undefined
  #stopListening = (): void => {}

  constructor(deps: ObservatoryRoomDeps) {
    this.#deps = deps
  }

  /** Begins, and returns at once. */
  start(): void {
    const { thread, bus } = this.#deps
    const subscription = bus.subscribe(FIGURES_CHANNEL, () => this.#figures.changed())
    this.#stopListening = () => subscription.stop()
    if (thread !== undefined) this.#running = this.#keepRunning(thread)
  }

  get source(): StatisticsSource {
    return this.#figures.source
  }

  /** True while this process keeps the figures, and so does what is done once with them. */
  get isKeeper(): boolean {
    return this.#stats?.isKeeper === true
  }

  /** As of a second ago; undefined while the thread is not there. */
  stats(): WatchStats | undefined {
    return this.#stats
  }

  /** Observations a second, over the last seconds; undefined before there are two looks. */
  observationsPerSecond(): number | undefined {
    const [first] = this.#paces
    const last = this.#paces.at(-1)
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined
    return ((last.observations - first.observations) * 1_000) / (last.atMs - first.atMs)
  }

  /** Has the collectors of all processes read the directory: an operator has added or refused a relay. */
  lookAtRelays(): void {
    this.#tell({ do: 'look-at-relays' })
    this.#deps.bus.publish(RELAYS_CHANNEL, Buffer.alloc(0))
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
    const silentMs = performance.now() - this.#heardAtMs
    const damage = stats.keeper?.damage
    const isDelivering = delivery.failuresInARow === 0 && !delivery.isJournalFull
    const isWell = isDelivering && silentMs < BUSY_MS && damage === undefined
    return {
      status: isWell ? 'ok' : 'degraded',
      ...(silentMs >= BUSY_MS && { silentMs: Math.round(silentMs) }),
      is: stats.isKeeper ? 'keeping' : 'collecting',
      ...(damage !== undefined && { reason: damage }),
      connected: collector.connected,
      journalBytes: delivery.journalBytes,
      isJournalFull: delivery.isJournalFull,
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#stopListening()
    this.#figures.stop()
    this.#tell({ do: 'stop' })
    await Promise.race([this.#running, delay(STOP_TIMEOUT_MS, undefined, { ref: false })])
    await this.#worker?.terminate()
  }

  /** From the nearest that has them. What cannot be reached just now is passed over. */
  async #read(range: Range): Promise<SourcedSnapshot | undefined> {
    const kept = await this.#fromThread(range)
    const before = this.#figures.last(range)
    // A thread that is busy: nobody has anything newer of it than what it said last.
    if (kept === undefined && this.isKeeper && before?.from === 'engine') return before
    return kept ?? (await this.#fromBus(range)) ?? (await this.#fromDatabase(range))
  }

  async #fromThread(range: Range): Promise<SourcedSnapshot | undefined> {
    if (!this.isKeeper) return undefined
    try {
      const asked = this.#caller?.ask('snapshot', [range])
      const late = delay(ANSWER_TIMEOUT_MS, undefined, { ref: false })
      const kept = (await Promise.race([asked, late])) as ReturnType<Watch['snapshot']>
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

  /** Runs the thread, and again when it ends, until this is stopped. */
  async #keepRunning(thread: () => Promise<ObservatoryThreadData>): Promise<void> {
    const { signal } = this.#stopping
    let pauseMs = RESTART_PAUSE_MS
    while (!signal.aborted) {
      const startedMs = performance.now()
      await this.#runOnce(thread)
      if (signal.aborted) return
      this.#deps.logger.error({ reason: this.#lastFailure, pauseMs }, 'observatory.thread_ended')
      if (performance.now() - startedMs > MAX_RESTART_PAUSE_MS) pauseMs = RESTART_PAUSE_MS
      // Aborting is how `stop` ends the pause.
      await delay(pauseMs, undefined, { signal, ref: false }).catch(() => {})
      pauseMs = Math.min(MAX_RESTART_PAUSE_MS, pauseMs * 2)
    }
  }

  async #runOnce(thread: () => Promise<ObservatoryThreadData>): Promise<void> {
    try {
      // What it needs may never come; whoever stops this does not wait for it.
      const data = await Promise.race([thread(), whenAborted(this.#stopping.signal)])
      if (data !== undefined && !this.#stopping.signal.aborted) await this.#runThread(data)
    } catch (error) {
      this.#lastFailure = error instanceof Error ? error.message : String(error)
    }
  }

  async #runThread(workerData: ObservatoryThreadData): Promise<void> {
    const worker = new Worker(this.#deps.threadFile ?? THREAD_FILE, {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    const caller = new ThreadCaller((call) => worker.postMessage({ do: 'call', ...call }))
    const looking = setInterval(() => void this.#look(caller), LOOK_MS)
    looking.unref()
    this.#worker = worker
    worker.on('message', (message: ObservatoryThreadMessage) => this.#hear(message, caller))
    worker.on('error', (error) => {
      this.#lastFailure = error.message
    })
    const code = await new Promise<number>((ended) => worker.once('exit', ended))
    this.#lastFailure ??= `the thread ended with the code ${code}`
    caller.end(this.#lastFailure)
    clearInterval(looking)
    this.#worker = undefined
    this.#caller = undefined
    this.#stats = undefined
    this.#paces = []
  }

  #hear(message: ObservatoryThreadMessage, caller: ThreadCaller): void {
    switch (message.say) {
      case 'ready':
        this.#caller = caller
        this.#lastFailure = undefined
        void this.#look(caller)
        return
      case 'changed':
        this.#figures.changed()
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
    // While one question is open another one would only wait behind it.
    if (this.#isLooking) return
    this.#isLooking = true
    const stats = await caller.ask('stats', []).catch(() => undefined)
    this.#isLooking = false
    if (this.#caller !== caller) return
    this.#stats = stats as WatchStats | undefined
    this.#heardAtMs = performance.now()
    if (this.#stats === undefined) return
    this.#paces.push({ atMs: this.#heardAtMs, observations: this.#stats.intake.observations })
    if (this.#paces.length > PACE_LOOKS) this.#paces.shift()
  }

  #tell(command: ObservatoryThreadCommand): void {
    this.#worker?.postMessage(command)
  }
}
