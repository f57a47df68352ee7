/** What tests of the journal and of deliveries share. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../../kernel/index.ts'
import type { Delivery, DeliverySink } from '../../delivery.ts'
import { ObservationBatch } from '../../observation-batch.ts'
import type { RelayReport } from '../../relay-report.ts'
import {
  type DeliveryDeps,
  type Journal,
  type ObservationSource,
  openJournal,
  startDelivery,
} from '../index.ts'

export const SILENT = pino({ level: 'silent' })

/** An empty folder that is gone after the test. */
export async function testFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-journal-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function testJournal(folder: string, maxBytes = 1_000_000): Promise<Journal> {
  const journal = await openJournal({ folder, maxBytes, logger: SILENT })
  onTestFinished(() => journal.close())
  return journal
}

/** Everything that is in it, oldest first; it is empty afterwards. */
export async function drained(journal: Journal): Promise<string[]> {
  const found: string[] = []
  for (let bytes = await journal.oldest(); bytes !== undefined; bytes = await journal.oldest()) {
    found.push(bytes.toString())
    await journal.removeOldest()
  }
  return found
}

export function testReport(members: Partial<RelayReport> = {}): RelayReport {
  return {
    relay: 1,
    atSeconds: 100,
    state: 'live',
    watchedSeconds: 1,
    connectedSeconds: 1,
    openMs: [],
    readMs: [],
    pingMs: [],
    offences: {},
    isProven: true,
    failures: 0,
    nextTrySeconds: 0,
    ...members,
  }
}

/** An intake whose observations are numbers, one after the other, which stand for their events. */
export class NumberedSource implements ObservationSource {
  readonly maxRows: number
  #batch = new ObservationBatch()
  #next = 0
  #notice = { rows: Number.POSITIVE_INFINITY, listener: () => {} }

  constructor(maxRows = 10_000) {
    this.maxRows = maxRows
  }

  /** How many were observed in all. */
  get observed(): number {
    return this.#next
  }

  observe(count: number): void {
    for (let n = 0; n < count; n++) {
      this.#batch.eventLow[this.#batch.addRow()] = this.#next++
      if (this.#batch.count === this.#notice.rows) this.#notice.listener()
    }
  }

  get waitingRows(): number {
    return this.#batch.count
  }

  get isFull(): boolean {
    return this.#batch.count > this.maxRows
  }

  takeBatch(): ObservationBatch {
    const batch = this.#batch
    this.#batch = new ObservationBatch()
    return batch
  }

  whenRows(rows: number, listener: () => void): void {
    this.#notice = { rows, listener }
  }

  settled(): undefined {
    return undefined
  }
}

/** A database that can be away, or slow. */
export class TestSink implements DeliverySink {
  readonly deliveries: Delivery[] = []
  isAway = false
  tookMs = 0
  atOnce = 0
  mostAtOnce = 0

  async deliver(delivery: Delivery): Promise<void> {
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.atOnce)
    try {
      await delay(this.tookMs)
      if (this.isAway) throw new TypeError('the database is away')
      this.deliveries.push(delivery)
    } finally {
      this.atOnce--
    }
  }

  /** The numbers that have arrived, in their order. */
  get numbers(): number[] {
    return this.deliveries.flatMap(({ observations }) => [
      ...observations.eventLow.subarray(0, observations.count),
    ])
  }
}

export const QUICK = {
  intervalMs: 20,
  rows: 100,
  reportsMs: 20,
  lookMs: 5,
  timeoutMs: 60_000,
  firstRetryMs: 5,
  lastRetryMs: 20,
}

export function testDelivery(
  deps: Pick<DeliveryDeps, 'intake' | 'sink' | 'journal'> & Partial<DeliveryDeps>,
) {
  const delivery = startDelivery({
    takeReports: () => [],
    collector: 'one',
    region: 'here',
    clock: systemClock,
    logger: SILENT,
    limits: QUICK,
    ...deps,
  })
  onTestFinished(() => delivery.stop())
  return delivery
}
