/**
 * Observations in columns: a tenth of the memory of as many objects, and bytes on disk and in the database without a
 * detour. One row is `BYTES_PER_OBSERVATION` plus the names of clients, each once.
 */
import type { Observation } from './observation.ts'

/** Format of the bytes; the first one of each. */
const FORMAT = 1
/** Format, reserved, clients, observations. */
const HEAD_BYTES = 8
/** Names that one batch can hold; events of further clients count as having no tag. */
const MAX_CLIENTS = 0xffff
export const MAX_CLIENT_NAME_BYTES = 64

/** Seven columns of 32 bits, one of 64, two of 16, two of 8. */
export const BYTES_PER_OBSERVATION = 4 * 7 + 8 + 2 * 2 + 2

/** A growing list of observations; `encode` and `decode` are inverse. */
export class ObservationBatch {
  #capacity: number
  #count = 0
  relay: Uint32Array
  eventHigh: Uint32Array
  eventLow: Uint32Array
  authorHigh: Uint32Array
  authorLow: Uint32Array
  createdAt: Uint32Array
  seenAt: Uint32Array
  zapMsat: BigUint64Array
  kind: Uint16Array
  /** 0: none; otherwise the name `clients[n - 1]`. */
  client: Uint16Array
  language: Uint8Array
  isZapSignerChecked: Uint8Array
  readonly clients: string[] = []
  readonly #clientNumbers = new Map<string, number>()

  constructor(capacity = 1024) {
    this.#capacity = capacity
    this.relay = new Uint32Array(capacity)
    this.eventHigh = new Uint32Array(capacity)
    this.eventLow = new Uint32Array(capacity)
    this.authorHigh = new Uint32Array(capacity)
    this.authorLow = new Uint32Array(capacity)
    this.createdAt = new Uint32Array(capacity)
    this.seenAt = new Uint32Array(capacity)
    this.zapMsat = new BigUint64Array(capacity)
    this.kind = new Uint16Array(capacity)
    this.client = new Uint16Array(capacity)
    this.language = new Uint8Array(capacity)
    this.isZapSignerChecked = new Uint8Array(capacity)
  }

  get count(): number {
    return this.#count
  }

  /** As objects, for what is not hot. */
  add(observation: Observation): void {
    const { relay, event, author, kind, createdAt, seenAt, client, zapMsat, language } = observation
    const row = this.addRow()
    this.relay[row] = relay
    this.eventHigh[row] = event.high
    this.eventLow[row] = event.low
    this.authorHigh[row] = author.high
    this.authorLow[row] = author.low
    this.createdAt[row] = createdAt
    this.seenAt[row] = seenAt
    this.kind[row] = kind
    this.client[row] = client === undefined ? 0 : this.clientNumber(client)
    this.zapMsat[row] = zapMsat
    this.language[row] = language
    this.isZapSignerChecked[row] = observation.isZapSignerChecked ? 1 : 0
  }

  /** A new row, all zeros, for a caller that fills the columns. Columns may be replaced by it: read them afterwards. */
  addRow(): number {
    if (this.#count === this.#capacity) this.#grow()
    return this.#count++
  }

  at(row: number): Observation {
    const client = this.client[row]!
    return {
      relay: this.relay[row]!,
      event: { high: this.eventHigh[row]!, low: this.eventLow[row]! },
      author: { high: this.authorHigh[row]!, low: this.authorLow[row]! },
      kind: this.kind[row]!,
      createdAt: this.createdAt[row]!,
      seenAt: this.seenAt[row]!,
      client: client === 0 ? undefined : this.clients[client - 1],
      zapMsat: this.zapMsat[row]!,
      isZapSignerChecked: this.isZapSignerChecked[row] === 1,
      language: this.language[row]!,
    }
  }

  /** The number of a client's name in this batch; 0 when there is no room for another name. */
  clientNumber(name: string): number {
    const known = this.#clientNumbers.get(name)
    if (known !== undefined) return known
    if (this.clients.length === MAX_CLIENTS) return 0
    this.clients.push(name)
    this.#clientNumbers.set(name, this.clients.length)
    return this.clients.length
  }

  encode(): Buffer {
    const names = this.clients.map((name) => Buffer.from(name, 'utf8'))
    const nameBytes = names.reduce((sum, name) => sum + 1 + name.length, 0)
    const bytes = Buffer.alloc(HEAD_BYTES + nameBytes + this.#count * BYTES_PER_OBSERVATION)
    bytes.writeUInt8(FORMAT, 0)
    bytes.writeUInt16LE(names.length, 2)
    bytes.writeUInt32LE(this.#count, 4)
    let at = HEAD_BYTES
    for (const name of names) {
      bytes.writeUInt8(name.length, at)
      name.copy(bytes, at + 1)
      at += 1 + name.length
    }
    for (const column of this.#columns()) {
      const used = column.subarray(0, this.#count)
      bytes.set(new Uint8Array(used.buffer, used.byteOffset, used.byteLength), at)
      at += used.byteLength
    }
    return bytes
  }

  /** @throws RangeError for bytes that `encode` did not write: a torn file, another version. */
  static decode(bytes: Uint8Array): ObservationBatch {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (buffer.length < HEAD_BYTES || buffer.readUInt8(0) !== FORMAT)
      throw new RangeError(`not observations of format ${FORMAT}`)
    const clients = buffer.readUInt16LE(2)
    const count = buffer.readUInt32LE(4)
    if (count * BYTES_PER_OBSERVATION > buffer.length)
      throw new RangeError('fewer observations than announced')
    const batch = new ObservationBatch(count)
    let at = HEAD_BYTES
    for (let index = 0; index < clients; index++) {
      const length = buffer.readUInt8(at)
      batch.clientNumber(buffer.toString('utf8', at + 1, at + 1 + length))
      at += 1 + length
    }
    for (const column of batch.#columns()) {
      if (at + column.byteLength > buffer.length) throw new RangeError('fewer observations than announced')
      new Uint8Array(column.buffer).set(buffer.subarray(at, at + column.byteLength))
      at += column.byteLength
    }
    if (at !== buffer.length) throw new RangeError(`${buffer.length - at} bytes too many`)
    batch.#count = count
    return batch
  }

  /** Wide ones first. Numbers are little-endian on every machine that runs us. */
  #columns() {
    return [
      this.zapMsat,
      this.relay,
      this.eventHigh,
      this.eventLow,
      this.authorHigh,
      this.authorLow,
      this.createdAt,
      this.seenAt,
      this.kind,
      this.client,
      this.language,
      this.isZapSignerChecked,
    ] as const
  }

  #grow(): void {
    this.#capacity = Math.max(64, this.#capacity * 2)
    this.relay = grown(this.relay, new Uint32Array(this.#capacity))
    this.eventHigh = grown(this.eventHigh, new Uint32Array(this.#capacity))
    this.eventLow = grown(this.eventLow, new Uint32Array(this.#capacity))
    this.authorHigh = grown(this.authorHigh, new Uint32Array(this.#capacity))
    this.authorLow = grown(this.authorLow, new Uint32Array(this.#capacity))
    this.createdAt = grown(this.createdAt, new Uint32Array(this.#capacity))
    this.seenAt = grown(this.seenAt, new Uint32Array(this.#capacity))
    this.kind = grown(this.kind, new Uint16Array(this.#capacity))
    this.client = grown(this.client, new Uint16Array(this.#capacity))
    this.language = grown(this.language, new Uint8Array(this.#capacity))
    this.isZapSignerChecked = grown(this.isZapSignerChecked, new Uint8Array(this.#capacity))
    const zaps = new BigUint64Array(this.#capacity)
    zaps.set(this.zapMsat)
    this.zapMsat = zaps
  }
}

function grown<T extends Uint32Array | Uint16Array | Uint8Array>(before: T, after: T): T {
  after.set(before)
  return after
}
