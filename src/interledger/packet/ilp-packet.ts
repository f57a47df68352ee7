/** ILPv4 packets (RFC-0027): Prepare, Fulfill, Reject. */
import { type Outcome, refused } from '../../kernel/index.ts'
import { isIlpAddress } from './address.ts'
import { OerReader, OerWriter, readOer, varOctetsLength } from './oer.ts'
import { formatTimestamp, parseTimestamp, TIMESTAMP_LENGTH } from './timestamp.ts'

export interface IlpPrepare {
  readonly type: 'prepare'
  /** Smallest units of the sender's asset; 64 bits. */
  readonly amount: bigint
  /** Unix time. */
  readonly expiresAtMs: number
  /** SHA-256 of the fulfilment, 32 bytes. */
  readonly executionCondition: Buffer
  readonly destination: string
  readonly data: Buffer
}

export interface IlpFulfill {
  readonly type: 'fulfill'
  /** 32 bytes. */
  readonly fulfillment: Buffer
  readonly data: Buffer
}

export interface IlpReject {
  readonly type: 'reject'
  /** Three characters: `ILP_ERRORS`, and codes of others. */
  readonly code: string
  /** An ILP address, or empty. */
  readonly triggeredBy: string
  readonly message: string
  readonly data: Buffer
}

export type IlpReply = IlpFulfill | IlpReject
export type IlpPacket = IlpPrepare | IlpReply

const TYPE = { prepare: 12, fulfill: 13, reject: 14 } as const
/** A packet's data (RFC-0027). */
export const MAX_DATA_BYTES = 32_767
const HASH_BYTES = 32
/** Codes that we do not know are handed on: whoever sent the Prepare may know them. */
const CODE = /^[\x20-\x7e]{3}$/
export const MAX_AMOUNT = 0xffff_ffff_ffff_ffffn

/** @param packet whose parts have the lengths that their types say. */
export function encodeIlpPacket(packet: IlpPacket): Buffer {
  if (packet.type === 'prepare') return encodePrepare(packet)
  return packet.type === 'fulfill' ? encodeFulfill(packet) : encodeReject(packet)
}

function encodePrepare({ amount, expiresAtMs, executionCondition, destination, data }: IlpPrepare): Buffer {
  const length =
    8 + TIMESTAMP_LENGTH + HASH_BYTES + varOctetsLength(destination.length) + varOctetsLength(data.length)
  return start(TYPE.prepare, length)
    .uint64(amount)
    .ascii(formatTimestamp(expiresAtMs))
    .octets(executionCondition)
    .varAscii(destination)
    .varOctets(data).bytes
}

function encodeFulfill({ fulfillment, data }: IlpFulfill): Buffer {
  return start(TYPE.fulfill, HASH_BYTES + varOctetsLength(data.length))
    .octets(fulfillment)
    .varOctets(data).bytes
}

function encodeReject({ code, triggeredBy, message, data }: IlpReject): Buffer {
  const text = Buffer.from(message)
  const length =
    3 + varOctetsLength(triggeredBy.length) + varOctetsLength(text.length) + varOctetsLength(data.length)
  return start(TYPE.reject, length).ascii(code).varAscii(triggeredBy).varOctets(text).varOctets(data).bytes
}

function start(type: number, length: number): OerWriter {
  return new OerWriter(1 + varOctetsLength(length)).uint8(type).length(length)
}

/**
 * Reads a packet of any type; its buffers are views of `bytes`. Bytes behind the packet or behind its last field are
 * passed over, as RFC-0030 asks. The refusal is a text.
 */
export function decodeIlpPacket(bytes: Buffer): Outcome<IlpPacket, string> {
  return readOer(bytes, (reader) => {
    const type = reader.uint8()
    const content = new OerReader(reader.varOctets())
    if (type === TYPE.prepare) return decodePrepare(content)
    if (type === TYPE.fulfill) return decodeFulfill(content)
    if (type === TYPE.reject) return decodeReject(content)
    return reader.fail(`${type} is no type of packet`)
  })
}

/** As `decodeIlpPacket`, for what must be a Prepare. */
export function decodePreparePacket(bytes: Buffer): Outcome<IlpPrepare, string> {
  const packet = decodeIlpPacket(bytes)
  if (!packet.ok) return packet
  const { value } = packet
  return value.type === 'prepare'
    ? { ok: true, value }
    : refused(`a Prepare is expected, not a ${value.type}`)
}

/** As `decodeIlpPacket`, for what must be the answer to a Prepare. */
export function decodeReplyPacket(bytes: Buffer): Outcome<IlpReply, string> {
  const packet = decodeIlpPacket(bytes)
  if (!packet.ok) return packet
  const { value } = packet
  return value.type === 'prepare' ? refused('an answer is expected, not a Prepare') : { ok: true, value }
}

function decodePrepare(reader: OerReader): IlpPrepare {
  const amount = reader.uint64()
  const expiresAtMs = parseTimestamp(reader.octets(TIMESTAMP_LENGTH).toString('latin1'))
  if (expiresAtMs === undefined) return reader.fail('expiresAt is no time')
  const executionCondition = reader.octets(HASH_BYTES)
  const destination = reader.varOctets().toString('latin1')
  if (!isIlpAddress(destination)) return reader.fail('the destination is no ILP address')
  return { type: 'prepare', amount, expiresAtMs, executionCondition, destination, data: readData(reader) }
}

function decodeFulfill(reader: OerReader): IlpFulfill {
  return { type: 'fulfill', fulfillment: reader.octets(HASH_BYTES), data: readData(reader) }
}

function decodeReject(reader: OerReader): IlpReject {
  const code = reader.octets(3).toString('latin1')
  if (!CODE.test(code)) return reader.fail('the code is no error code')
  const triggeredBy = reader.varOctets().toString('latin1')
  if (triggeredBy !== '' && !isIlpAddress(triggeredBy)) return reader.fail('triggeredBy is no ILP address')
  const message = reader.varOctets().toString()
  return { type: 'reject', code, triggeredBy, message, data: readData(reader) }
}

function readData(reader: OerReader): Buffer {
  const data = reader.varOctets()
  return data.length > MAX_DATA_BYTES ? reader.fail(`the data has more than ${MAX_DATA_BYTES} bytes`) : data
}
