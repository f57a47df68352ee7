/**
 * How new events travel between processes, all numbers big-endian:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | version of this form, 1 |
 * | 1 | length of the sender's name |
 * | … | the sender's name, UTF-8 |
 * | 4 | number of the message, from 1, of this sender |
 * | 8 | for each event: `seq`, a double (infinite for an ephemeral event), |
 * | 4 | the length of its JSON, |
 * | … | and its canonical JSON |
 */
import { AppError } from '../kernel/index.ts'

export interface Parcel {
  /** Sequence number in the store; infinite for an ephemeral event. */
  readonly seq: number
  /** Canonical JSON. */
  readonly json: Uint8Array
}

export interface ParcelMessage {
  readonly from: string
  /** Counts the messages of the sender, from 1, and begins again after 2³² - 1. */
  readonly number: number
  readonly parcels: readonly Parcel[]
}

/** A parcel as it arrived; the JSON is a view of the message. */
export interface ReceivedParcel extends Parcel {
  readonly json: Buffer
}

export interface ReceivedMessage extends Omit<ParcelMessage, 'parcels'> {
  readonly parcels: readonly ReceivedParcel[]
}

const VERSION = 1
const MAX_NAME_BYTES = 255
const PARCEL_HEAD_BYTES = 12

/** Bytes of a parcel in a message. */
export function parcelLength({ json }: Parcel): number {
  return PARCEL_HEAD_BYTES + json.length
}

export function encodeParcels({ from, number, parcels }: ParcelMessage): Buffer {
  const name = Buffer.from(from)
  if (name.length === 0 || name.length > MAX_NAME_BYTES) {
    throw new AppError(
      'INTERNAL',
      `a member's name must have 1 to ${MAX_NAME_BYTES} bytes, not ${name.length}`,
    )
  }
  const length = parcels.reduce((sum, parcel) => sum + parcelLength(parcel), 2 + name.length + 4)
  const bytes = Buffer.allocUnsafe(length)
  bytes[0] = VERSION
  bytes[1] = name.length
  bytes.set(name, 2)
  let at = bytes.writeUInt32BE(number >>> 0, 2 + name.length)
  for (const { seq, json } of parcels) {
    at = bytes.writeDoubleBE(seq, at)
    at = bytes.writeUInt32BE(json.length, at)
    bytes.set(json, at)
    at += json.length
  }
  return bytes
}

/** Undefined for bytes that are no message of this form. */
export function decodeParcels(bytes: Buffer): ReceivedMessage | undefined {
  const nameLength = bytes[1]
  if (bytes[0] !== VERSION || nameLength === undefined || bytes.length < 2 + nameLength + 4) return undefined
  const nameEnd = 2 + nameLength
  const parcels: ReceivedParcel[] = []
  let at = nameEnd + 4
  while (at < bytes.length) {
    if (at + PARCEL_HEAD_BYTES > bytes.length) return undefined
    const seq = bytes.readDoubleBE(at)
    const start = at + PARCEL_HEAD_BYTES
    const end = start + bytes.readUInt32BE(at + 8)
    if (end > bytes.length) return undefined
    parcels.push({ seq, json: bytes.subarray(start, end) })
    at = end
  }
  return { from: bytes.toString('utf8', 2, nameEnd), number: bytes.readUInt32BE(nameEnd), parcels }
}
