/** The frames of STREAM (RFC-0029, 5.3): one table says what each is made of; the types and the codec come out of it. */
import { MAX_AMOUNT, OerReader, type OerWriter, varOctetsLength, varUintLength } from '../packet/index.ts'

/** What a field is in memory. `amount`: a `varUint` that is read as 2^64−1 when it is larger (RFC-0029, 5.1.4). */
interface FieldTypes {
  readonly uint8: number
  readonly varUint: bigint
  readonly amount: bigint
  readonly text: string
  readonly octets: Buffer
}

type FieldKind = keyof FieldTypes

/** Fields in the order of the RFC. */
const LAYOUT = {
  connectionClose: { id: 0x01, fields: { errorCode: 'uint8', errorMessage: 'text' } },
  connectionNewAddress: { id: 0x02, fields: { sourceAddress: 'text' } },
  connectionMaxData: { id: 0x03, fields: { maxOffset: 'varUint' } },
  connectionDataBlocked: { id: 0x04, fields: { maxOffset: 'varUint' } },
  connectionMaxStreamId: { id: 0x05, fields: { maxStreamId: 'varUint' } },
  connectionStreamIdBlocked: { id: 0x06, fields: { maxStreamId: 'varUint' } },
  connectionAssetDetails: { id: 0x07, fields: { assetCode: 'text', assetScale: 'uint8' } },
  streamClose: { id: 0x10, fields: { streamId: 'varUint', errorCode: 'uint8', errorMessage: 'text' } },
  streamMoney: { id: 0x11, fields: { streamId: 'varUint', shares: 'varUint' } },
  streamMaxMoney: {
    id: 0x12,
    fields: { streamId: 'varUint', receiveMax: 'amount', totalReceived: 'varUint' },
  },
  streamMoneyBlocked: { id: 0x13, fields: { streamId: 'varUint', sendMax: 'amount', totalSent: 'varUint' } },
  streamData: { id: 0x14, fields: { streamId: 'varUint', offset: 'varUint', data: 'octets' } },
  streamMaxData: { id: 0x15, fields: { streamId: 'varUint', maxOffset: 'varUint' } },
  streamDataBlocked: { id: 0x16, fields: { streamId: 'varUint', maxOffset: 'varUint' } },
  streamReceipt: { id: 0x17, fields: { streamId: 'varUint', receipt: 'octets' } },
} as const satisfies Record<string, { readonly id: number; readonly fields: Record<string, FieldKind> }>

export type FrameType = keyof typeof LAYOUT

type FieldsOf<Type extends FrameType> = {
  readonly [Field in keyof (typeof LAYOUT)[Type]['fields']]: FieldTypes[(typeof LAYOUT)[Type]['fields'][Field] &
    FieldKind]
}

/** A frame of one type; `StreamFrame<'streamMoney'>` has `streamId` and `shares`. */
export type StreamFrame<Type extends FrameType = FrameType> = {
  readonly [Each in Type]: { readonly type: Each } & FieldsOf<Each>
}[Type]

/** Error codes of frames that close something (RFC-0029, 5.4). */
export const STREAM_ERRORS = {
  noError: 1,
  internalError: 2,
  endpointBusy: 3,
  flowControlError: 4,
  streamIdError: 5,
  streamStateError: 6,
  frameFormatError: 7,
  protocolViolation: 8,
  applicationError: 9,
} as const

type Fields = readonly (readonly [name: string, kind: FieldKind])[]

/** The table for whoever reads and writes without knowing the type. */
const FIELDS: ReadonlyMap<string, { readonly id: number; readonly fields: Fields }> = new Map(
  Object.entries(LAYOUT).map(([type, { id, fields }]) => [type, { id, fields: Object.entries(fields) }]),
)
const TYPES: ReadonlyMap<number, { readonly type: string; readonly fields: Fields }> = new Map(
  [...FIELDS].map(([type, { id, fields }]) => [id, { type, fields }]),
)

/** Bytes of the frame, with its type and length. */
export function frameLength(frame: StreamFrame): number {
  return 1 + varOctetsLength(contentLength(frame))
}

export function writeFrame(writer: OerWriter, frame: StreamFrame): void {
  const { id, fields } = FIELDS.get(frame.type)!
  writer.uint8(id).length(contentLength(frame))
  for (const [name, kind] of fields) writeField(writer, kind, fieldOf(frame, name))
}

/** Reads one frame; undefined for a type that is not known, which the RFC asks to pass over. */
export function readFrame(reader: OerReader): StreamFrame | undefined {
  const known = TYPES.get(reader.uint8())
  const content = new OerReader(reader.varOctets())
  if (known === undefined) return undefined
  const frame: Record<string, unknown> = { type: known.type }
  for (const [name, kind] of known.fields) frame[name] = readField(content, kind)
  // The type and all of its fields, of the kinds that the table says.
  return frame as unknown as StreamFrame
}

function contentLength(frame: StreamFrame): number {
  let length = 0
  for (const [name, kind] of FIELDS.get(frame.type)!.fields) length += fieldLength(kind, fieldOf(frame, name))
  return length
}

type FieldValue = FieldTypes[FieldKind]

function fieldOf(frame: StreamFrame, name: string): FieldValue {
  // The table's fields are the frame's.
  return (frame as unknown as Readonly<Record<string, FieldValue>>)[name]!
}

function fieldLength(kind: FieldKind, value: FieldValue): number {
  if (typeof value === 'bigint') return varUintLength(value)
  if (typeof value === 'string') return varOctetsLength(Buffer.byteLength(value))
  return kind === 'uint8' || typeof value === 'number' ? 1 : varOctetsLength(value.length)
}

function writeField(writer: OerWriter, kind: FieldKind, value: FieldValue): void {
  if (typeof value === 'bigint') writer.varUint(value)
  else if (typeof value === 'string') writer.varOctets(Buffer.from(value))
  else if (kind === 'uint8' || typeof value === 'number') writer.uint8(Number(value))
  else writer.varOctets(value)
}

function readField(reader: OerReader, kind: FieldKind): FieldValue {
  if (kind === 'uint8') return reader.uint8()
  if (kind === 'varUint') return reader.varUint()
  if (kind === 'amount') return readSaturated(reader)
  const octets = reader.varOctets()
  return kind === 'text' ? octets.toString() : octets
}

const UINT64_BYTES = 8

function readSaturated(reader: OerReader): bigint {
  const octets = reader.varOctets()
  if (octets.length === 0) return reader.fail('an integer has no bytes')
  return octets.length > UINT64_BYTES ? MAX_AMOUNT : BigInt(`0x${octets.toString('hex')}`)
}
