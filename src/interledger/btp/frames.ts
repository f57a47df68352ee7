/** Frames of BTP/2.0 (RFC-0023; `BilateralTransferProtocol.asn`) as pure functions. */
import type { Outcome } from '../../kernel/index.ts'
import { OerReader, OerWriter, readOer, varOctetsLength } from '../packet/index.ts'

/** What a sub-protocol's data is. Shown by tools; nothing is decided by it. */
export const CONTENT_TYPE = { octets: 0, text: 1, json: 2 } as const

export interface SubProtocol {
  /** ASCII. The first one of a frame says what is asked for, others are only beside it. */
  readonly name: string
  /** `CONTENT_TYPE`, and those of others up to 255. */
  readonly contentType: number
  readonly data: Buffer
}

interface Frame {
  /** 32 bits: an answer has the one of its request. */
  readonly requestId: number
  readonly protocols: readonly SubProtocol[]
}

export interface BtpMessage extends Frame {
  readonly type: 'message'
}

/** News of a settlement. */
export interface BtpTransfer extends Frame {
  readonly type: 'transfer'
  /** 64 bits. */
  readonly amount: bigint
}

export interface BtpResponse extends Frame {
  readonly type: 'response'
}

export interface BtpError extends Frame {
  readonly type: 'error'
  /** Three characters (RFC-0023, "Error Codes"). */
  readonly code: string
  readonly name: string
  /** As it is on the wire: `generalizedTime`. */
  readonly triggeredAt: string
  readonly data: Buffer
}

export type BtpFrame = BtpMessage | BtpTransfer | BtpResponse | BtpError

const TYPE = { response: 1, error: 2, message: 6, transfer: 7 } as const
/** An error's data (`SIZE (0..8192)`). */
const MAX_ERROR_DATA_BYTES = 8_192
/** More in one frame are for nobody. */
export const MAX_SUB_PROTOCOLS = 32
const MAX_NAME_BYTES = 255
const ASCII = /^[\x20-\x7e]*$/
const CODE_BYTES = 3

/** @param frame whose parts have the lengths that their types say. */
export function encodeBtpFrame(frame: BtpFrame): Buffer {
  const length = ownLength(frame) + protocolsLength(frame.protocols)
  const writer = new OerWriter(5 + varOctetsLength(length))
  writer.uint8(TYPE[frame.type]).uint32(frame.requestId).length(length)
  writeOwn(writer, frame)
  // How many: an integer of one byte, with its length.
  writer.uint8(1).uint8(frame.protocols.length)
  for (const { name, contentType, data } of frame.protocols)
    writer.varAscii(name).uint8(contentType).varOctets(data)
  return writer.bytes
}

function ownLength(frame: BtpFrame): number {
  if (frame.type === 'transfer') return 8
  if (frame.type !== 'error') return 0
  const { name, triggeredAt, data } = frame
  return (
    CODE_BYTES +
    varOctetsLength(name.length) +
    varOctetsLength(triggeredAt.length) +
    varOctetsLength(data.length)
  )
}

function protocolsLength(protocols: readonly SubProtocol[]): number {
  let length = 2
  for (const { name, data } of protocols)
    length += varOctetsLength(name.length) + 1 + varOctetsLength(data.length)
  return length
}

function writeOwn(writer: OerWriter, frame: BtpFrame): void {
  if (frame.type === 'transfer') writer.uint64(frame.amount)
  if (frame.type === 'error') {
    writer.ascii(frame.code).varAscii(frame.name).varAscii(frame.triggeredAt).varOctets(frame.data)
  }
}

/**
 * Reads a frame; its buffers are views of `bytes`. Bytes behind the frame or behind its last field are passed over
 * (RFC-0030). The refusal is a text.
 */
export function decodeBtpFrame(bytes: Buffer): Outcome<BtpFrame, string> {
  return readOer(bytes, (reader) => {
    const type = reader.uint8()
    const requestId = reader.uint32()
    const content = new OerReader(reader.varOctets())
    switch (type) {
      case TYPE.message:
        return { type: 'message', requestId, protocols: readProtocols(content) }
      case TYPE.response:
        return { type: 'response', requestId, protocols: readProtocols(content) }
      case TYPE.transfer:
        return { type: 'transfer', requestId, amount: content.uint64(), protocols: readProtocols(content) }
      case TYPE.error:
        return readError(content, requestId)
      default:
        return reader.fail(`${type} is no type of frame`)
    }
  })
}

function readError(reader: OerReader, requestId: number): BtpError {
  const code = readAscii(reader, reader.octets(CODE_BYTES))
  const name = readAscii(reader, reader.varOctets())
  const triggeredAt = readAscii(reader, reader.varOctets())
  const data = reader.varOctets()
  if (data.length > MAX_ERROR_DATA_BYTES) reader.fail(`the data has more than ${MAX_ERROR_DATA_BYTES} bytes`)
  return { type: 'error', requestId, code, name, triggeredAt, data, protocols: readProtocols(reader) }
}

function readProtocols(reader: OerReader): SubProtocol[] {
  const count = reader.varUintNumber(MAX_SUB_PROTOCOLS)
  const protocols: SubProtocol[] = []
  for (let index = 0; index < count; index++) {
    const name = readAscii(reader, reader.varOctets())
    // Each has a name of its own (the ASN.1's comment, and RFC-0023, "Authentication").
    if (protocols.some((other) => other.name === name)) reader.fail('two sub-protocols have one name')
    protocols.push({ name, contentType: reader.uint8(), data: reader.varOctets() })
  }
  return protocols
}

function readAscii(reader: OerReader, bytes: Buffer): string {
  if (bytes.length > MAX_NAME_BYTES) return reader.fail(`a text has more than ${MAX_NAME_BYTES} bytes`)
  const text = bytes.toString('latin1')
  return ASCII.test(text) ? text : reader.fail('a text is not ASCII')
}

/** @param ms Unix time in milliseconds, of the years 0 to 9999. Zeros at the end of the fraction are left out (RFC-0030). */
export function generalizedTime(ms: number): string {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]/g, '')
  return text.replace(/\.?0*Z$/, 'Z')
}
