import type { ObservationBatch } from './observation-batch.ts'
import type { RelayReport } from './relay-report.ts'

/** What a collector hands on at once, about once a second. */
export interface Delivery {
  readonly collector: string
  /** Where the collector stands, as configured; relays are measured from each region. */
  readonly region: string
  readonly observations: ObservationBatch
  readonly reports: readonly RelayReport[]
}

/** Takes deliveries; each is on disk in the database when its promise resolves. The same delivery twice is harmless. */
export interface DeliverySink {
  deliver(delivery: Delivery): Promise<void>
}
