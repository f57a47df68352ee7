import type { Delivery } from '../delivery.ts'
import { ObservationBatch } from '../observation-batch.ts'
import type { RelayReport } from '../relay-report.ts'

/** Length of the part in JSON. */
const HEAD_BYTES = 4

interface Head {
  readonly collector: string
  readonly region: string
  readonly reports: readonly RelayReport[]
}

/** A delivery as bytes: the length of what is JSON, that, and the observations in their own format. */
export function encodeDelivery({ collector, region, reports, observations }: Delivery): Buffer {
  const head: Head = { collector, region, reports }
  const json = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(HEAD_BYTES)
  length.writeUInt32LE(json.length)
  return Buffer.concat([length, json, observations.encode()])
}

/** @throws RangeError or SyntaxError for bytes that `encodeDelivery` of this version did not write. */
export function decodeDelivery(bytes: Buffer): Delivery {
  if (bytes.length < HEAD_BYTES) throw new RangeError('a delivery has a head')
  const end = HEAD_BYTES + bytes.readUInt32LE(0)
  if (end > bytes.length) throw new RangeError('a delivery is shorter than it says')
  // The record's checksum says that these are the bytes that were written.
  const head: Head = JSON.parse(bytes.toString('utf8', HEAD_BYTES, end))
  return {
    collector: head.collector,
    region: head.region,
    reports: head.reports.map(withWholeCursor),
    observations: ObservationBatch.decode(bytes.subarray(end)),
  }
}

/** JSON leaves out what is undefined. */
function withWholeCursor(report: RelayReport): RelayReport {
  const { cursor } = report
  return cursor === undefined ? report : { ...report, cursor: { since: cursor.since, until: cursor.until } }
}
