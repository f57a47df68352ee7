import { setTimeout as delay } from 'node:timers/promises'
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { Delivery, DeliverySink } from '../delivery.ts'
import type { ObservationBatch } from '../observation-batch.ts'
import type { RelayReport } from '../relay-report.ts'
import { decodeDelivery, encodeDelivery } from './delivery-bytes.ts'
import { DEFAULT_DELIVERY_LIMITS, type DeliveryLimits } from './delivery-limits.ts'
import type { Journal } from './journal.ts'
import { mergeReports } from './merge-reports.ts'

/** What deliveries are made of, as `ObservationIntake` of intake/ offers it. */
export interface ObservationSource {
  takeBatch(): ObservationBatch
  readonly waitingRows: number
  readonly maxRows: number
  whenRows(rows: number, listener: () => void): void
  settled(): Promise<void> | undefined
}

export interface DeliveryDeps {
  readonly intake: ObservationSource
  /** What was learnt of relays since it was called last. Their cursors must not be ahead of what `intake` has taken. */
  readonly takeReports: () => readonly RelayReport[]
  readonly sink: DeliverySink
  readonly journal: Journal
  readonly collector: string
  readonly region: string
  readonly clock: Clock
  readonly logger: Logger
  /** `DEFAULT_DELIVERY_LIMITS` when absent. */
  readonly limits?: DeliveryLimits
}

export interface DeliveryService {
  stats(): DeliveryStats
  /** Resolves when everything observed until now is in the database or in the journal, however long that takes. */
  flush(): Promise<void>
  /** Hands on what waits, or puts it into the journal, and ends. What finds no place is read again after the next start. */
  stop(): Promise<void>
}

export interface DeliveryStats {
  /** Deliveries and rows that the sink has taken, and deliveries that went through the journal. */
  readonly deliveries: number
  readonly rows: number
  readonly journalled: number
  /** Tries that failed, in all and since the last that did not. */
  readonly failures: number
  readonly failuresInARow: number
  readonly lastError: string | undefined
  readonly lastDeliveredSeconds: number | undefined
  readonly journalBytes: number
  /** The journal takes no more: observations stay where they are, and sockets are held when `maxRows` wait. */
  readonly isJournalFull: boolean
  readonly waitingRows: number
}

/** Begins to hand observations and reports on. What the journal holds goes first. */
export function startDelivery(deps: DeliveryDeps): DeliveryService {
  return new DeliveryLoop(deps)
}

/** A delivery under way when it stops is waited for that long. */
const STOP_GRACE_MS = 5_000

/** Everything that waited at one moment; they are numbered in the order in which they have to arrive. */
interface Parcel {
  readonly number: number
  readonly delivery: Delivery
  isJournalled: boolean
}

/**
 * One loop delivers: first what the journal holds, then what waits. While that takes too long or does not succeed, what
 * gathers is spilled into the journal, behind the parcel under way, which is written there first; so the order is that of
 * time, whatever fails. When the journal is full nothing more is taken from the intake, which holds the sockets then.
 */
class DeliveryLoop implements DeliveryService {
  readonly #deps: DeliveryDeps
  readonly #limits: DeliveryLimits
  readonly #lookTimer: NodeJS.Timeout
  readonly #ending = new AbortController()
  readonly #loop: Promise<void>
  /** Resolves when a delivery under way is waited for no longer, since it stops. */
  readonly #hurry = Promise.withResolvers<void>()
  /** Wakes the loop, and whoever waits in `flush`. */
  #change = Promise.withResolvers<void>()
  #isDue = false
  #takenAtMs = performance.now()
  #reportsTakenAtMs = Number.NEGATIVE_INFINITY
  #taken = 0
  /** Parcels up to this number are in the database or in the journal. */
  #safeUpTo = 0
  #underWay: Parcel | undefined
  /** Neither sink nor journal took it; older than what the intake has. */
  #held: Parcel | undefined
  /** The loop is busy with something older than what waits in the intake. */
  #isOccupied = false
  #spilling: Promise<void> | undefined
  #isJournalFull = false
  #stats = { deliveries: 0, rows: 0, journalled: 0, failures: 0, failuresInARow: 0 }
  #lastError: string | undefined
  #lastDeliveredSeconds: number | undefined

  constructor(deps: DeliveryDeps) {
    this.#deps = deps
    this.#limits = deps.limits ?? DEFAULT_DELIVERY_LIMITS
    deps.intake.whenRows(this.#limits.rows, () => this.#wake())
    this.#lookTimer = setInterval(() => this.#look(), this.#limits.lookMs)
    this.#lookTimer.unref()
    this.#loop = this.#run()
  }

  stats(): DeliveryStats {
    return {
      ...this.#stats,
      lastError: this.#lastError,
      lastDeliveredSeconds: this.#lastDeliveredSeconds,
      journalBytes: this.#deps.journal.bytes,
      isJournalFull: this.#isJournalFull,
      waitingRows: this.#deps.intake.waitingRows + (this.#held?.delivery.observations.count ?? 0),
    }
  }

  async flush(): Promise<void> {
    const target = this.#taken + 1
    this.#reportsTakenAtMs = Number.NEGATIVE_INFINITY
    while (this.#safeUpTo < target && !this.#isEnding) {
      // An occupied loop says so when it is not any more.
      if (this.#isOccupied) this.#spill()
      else this.#wake()
      await Promise.race([this.#change.promise, delay(this.#limits.lookMs)])
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#lookTimer)
    this.#ending.abort()
    const grace = new AbortController()
    const ungraceful = delay(STOP_GRACE_MS, undefined, { signal: grace.signal, ref: false })
    ungraceful.then(this.#hurry.resolve, () => {})
    this.#notify()
    await this.#loop
    await this.#spilling
    await this.#finish()
    grace.abort()
  }

  get #isEnding(): boolean {
    return this.#ending.signal.aborted
  }

  #look(): void {
    const { waitingRows, maxRows } = this.#deps.intake
    const { intervalMs, reportsMs } = this.#limits
    if (performance.now() - this.#takenAtMs >= (waitingRows > 0 ? intervalMs : reportsMs)) this.#wake()
    const isSlow = waitingRows >= maxRows / 2
    if (this.#isOccupied && (isSlow || (this.#isDue && this.#stats.failuresInARow > 0))) this.#spill()
  }

  #wake(): void {
    this.#isDue = true
    this.#notify()
  }

  #notify(): void {
    this.#change.resolve()
    this.#change = Promise.withResolvers()
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      await this.#spilling
      const { promise } = this.#change
      let hasMore = true
      try {
        hasMore = await this.#deliverNext()
      } catch (err) {
        // The journal cannot be read: the disk is ill. What is in it stays there.
        this.#noteFailure(err)
        await this.#occupied(() => this.#rest())
      }
      if (!hasMore && !this.#isDue && !this.#isEnding) await promise
    }
  }

  /** True when there may be more to do at once. */
  async #deliverNext(): Promise<boolean> {
    const { journal } = this.#deps
    if (!journal.isEmpty) return this.#deliverOldest()
    const parcel = this.#held ?? (this.#isDue ? await this.#take() : undefined)
    if (parcel === undefined) return false
    await this.#deliverParcel(parcel)
    return true
  }

  async #deliverOldest(): Promise<boolean> {
    const { journal, logger } = this.#deps
    const bytes = await journal.oldest()
    const delivery =
      bytes === undefined
        ? undefined
        : decodedOr(bytes, (err) => logger.error({ err }, 'observatory.journal_record_unreadable'))
    if (delivery === undefined || (await this.#occupied(() => this.#attempt(delivery)))) {
      await journal.removeOldest()
      return true
    }
    await this.#occupied(() => this.#rest())
    return true
  }

  async #deliverParcel(parcel: Parcel): Promise<void> {
    this.#held = undefined
    this.#underWay = parcel
    const isDelivered = await this.#occupied(() => this.#attempt(parcel.delivery))
    await this.#spilling
    this.#underWay = undefined
    if (isDelivered) {
      if (parcel.isJournalled) await this.#forgetOldest()
      this.#noteSafe(parcel)
      return
    }
    if (!(await this.#journal(parcel))) this.#held = parcel
    await this.#occupied(() => this.#rest())
  }

  /** While it does that, others may spill. */
  async #occupied<T>(work: () => Promise<T>): Promise<T> {
    this.#isOccupied = true
    try {
      return await work()
    } finally {
      this.#isOccupied = false
      this.#notify()
    }
  }

  /** Takes everything that waits; undefined when nothing does. */
  async #take(): Promise<Parcel | undefined> {
    const { intake, collector, region } = this.#deps
    const number = ++this.#taken
    this.#isDue = false
    this.#takenAtMs = performance.now()
    // The reports first: a cursor must not be delivered before what it says was read.
    const reports = this.#takeReports()
    await intake.settled()
    const observations = intake.takeBatch()
    const parcel = { number, delivery: { collector, region, observations, reports }, isJournalled: false }
    if (observations.count > 0 || reports.length > 0) return parcel
    this.#noteSafe(parcel)
    return undefined
  }

  /** Not with each delivery: at a thousand rows a time there would be as many reports as observations. */
  #takeReports(): readonly RelayReport[] {
    const nowMs = performance.now()
    if (nowMs - this.#reportsTakenAtMs < this.#limits.reportsMs) return []
    this.#reportsTakenAtMs = nowMs
    return mergeReports(this.#deps.takeReports())
  }

  async #attempt(delivery: Delivery): Promise<boolean> {
    const timer = new AbortController()
    try {
      const timeout = delay(this.#limits.timeoutMs, undefined, { signal: timer.signal, ref: false }).then(
        () => {
          throw new TypeError(`the database has not answered in ${this.#limits.timeoutMs} ms`)
        },
      )
      const hurried = this.#hurry.promise.then(() => {
        throw new TypeError('the program stops')
      })
      await Promise.race([this.#deps.sink.deliver(delivery), timeout, hurried])
      this.#noteDelivered(delivery)
      return true
    } catch (error) {
      this.#noteFailure(error)
      return false
    } finally {
      timer.abort()
    }
  }

  #noteDelivered({ observations }: Delivery): void {
    if (this.#stats.failuresInARow > 0) {
      this.#deps.logger.info({ failures: this.#stats.failuresInARow }, 'observatory.delivery_recovered')
    }
    this.#stats.failuresInARow = 0
    this.#isJournalFull = false
    this.#stats.deliveries++
    this.#stats.rows += observations.count
    this.#lastDeliveredSeconds = this.#deps.clock.nowSeconds()
  }

  #noteFailure(error: unknown): void {
    this.#stats.failures++
    this.#lastError = error instanceof Error ? error.message : String(error)
    // Once for each time of trouble; the figures tell the rest.
    if (this.#stats.failuresInARow++ === 0)
      this.#deps.logger.warn({ err: error }, 'observatory.delivery_failed')
  }

  /** Until the next try, or until it ends. */
  async #rest(): Promise<void> {
    const { firstRetryMs, lastRetryMs } = this.#limits
    const doublings = Math.min(this.#stats.failuresInARow - 1, 30)
    const waitMs = Math.min(firstRetryMs * 2 ** doublings, lastRetryMs) * (0.75 + Math.random() / 2)
    await delay(waitMs, undefined, { signal: this.#ending.signal, ref: false }).catch(() => {})
  }

  #spill(): void {
    // While it is full, it is only tried again after something was delivered.
    if (this.#spilling !== undefined || this.#isJournalFull) return
    this.#spilling = this.#spillAll().finally(() => {
      this.#spilling = undefined
      this.#notify()
    })
  }

  async #spillAll(): Promise<void> {
    for (const parcel of [this.#underWay, this.#held]) {
      if (parcel === undefined || parcel.isJournalled) continue
      if (!(await this.#journal(parcel))) return
    }
    this.#held = undefined
    const parcel = await this.#take()
    if (parcel !== undefined && !(await this.#journal(parcel))) this.#held = parcel
  }

  /** False when there is no room for it. */
  async #journal(parcel: Parcel): Promise<boolean> {
    if (parcel.isJournalled) return true
    parcel.isJournalled = await this.#deps.journal.append(encodeDelivery(parcel.delivery))
    if (!parcel.isJournalled) {
      if (!this.#isJournalFull) {
        this.#deps.logger.error({ journalBytes: this.#deps.journal.bytes }, 'observatory.journal_full')
      }
      this.#isJournalFull = true
      return false
    }
    this.#isJournalFull = false
    this.#stats.journalled++
    this.#noteSafe(parcel)
    return true
  }

  async #forgetOldest(): Promise<void> {
    await this.#deps.journal.oldest()
    await this.#deps.journal.removeOldest()
  }

  #noteSafe({ number }: Parcel): void {
    this.#safeUpTo = Math.max(this.#safeUpTo, number)
    this.#notify()
  }

  /** The loop has ended. A last try, unless others failed. */
  async #finish(): Promise<void> {
    this.#reportsTakenAtMs = Number.NEGATIVE_INFINITY
    const last = [this.#held, await this.#take()].filter((parcel) => parcel !== undefined)
    for (const parcel of last) {
      const isGoingWell = this.#deps.journal.isEmpty && this.#stats.failuresInARow === 0
      if (isGoingWell && (await this.#attempt(parcel.delivery))) continue
      if (await this.#journal(parcel)) continue
      const rows = parcel.delivery.observations.count
      this.#deps.logger.error({ rows }, 'observatory.observations_left_behind')
    }
  }
}

function decodedOr(bytes: Buffer, onError: (error: unknown) => void): Delivery | undefined {
  try {
    return decodeDelivery(bytes)
  } catch (error) {
    onError(error)
    return undefined
  }
}
