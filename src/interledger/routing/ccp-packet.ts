/**
 * How nodes tell each other routes: the Connector-to-Connector Protocol, in the form that took the place of RFC-0010
 * (draft "Route Broadcasting Protocol" of the Interledger RFCs with its `RouteBroadcastingProtocol.asn`).
 */
import { type Outcome, refused } from '../../kernel/index.ts'
import {
  isIlpAddress,
  isIlpAddressPrefix,
  MAX_DATA_BYTES,
  type OerReader,
  OerWriter,
  readOer,
  varOctetsLength,
  varUintLength,
} from '../packet/index.ts'

export const CCP_CONTROL = 'peer.route.control'
export const CCP_UPDATE = 'peer.route.update'

/** `sync`: tell me your routes, and what changes. `idle`: do not. */
export type CcpMode = 'idle' | 'sync'

/** Asks to be told routes, or not. */
export interface CcpControl {
  readonly mode: CcpMode
  /** 16 bytes as hex: the table of which the sender knows a part; zeros when of none. */
  readonly tableId: string
  /** What it knows of that: everything before this. */
  readonly epoch: number
  /** None are in use. */
  readonly features: readonly string[]
}

/** Something about a route beside its path. None are in use; those of others are read and not passed on. */
export interface CcpProperty {
  /** 16 bits. */
  readonly id: number
  readonly isOptional: boolean
  readonly isTransitive: boolean
  readonly isPartial: boolean
  readonly isUtf8: boolean
  readonly value: Buffer
}

export interface CcpRoute {
  readonly prefix: string
  /** From the speaker to the end. */
  readonly path: readonly string[]
  /** 32 bytes. */
  readonly auth: Buffer
  readonly properties: readonly CcpProperty[]
}

/** Tells what changed in a table from one epoch (included) to another (not included). */
export interface CcpUpdate {
  /** 16 bytes as hex. Another one than before: everything said of the earlier one is void. */
  readonly tableId: string
  /** That of the whole table. */
  readonly currentEpoch: number
  readonly fromEpoch: number
  readonly toEpoch: number
  /** What is learned is to be forgotten when nothing is heard for so long. */
  readonly holdDownMs: number
  /** The address of who tells. */
  readonly speaker: string
  readonly newRoutes: readonly CcpRoute[]
  /** Prefixes. */
  readonly withdrawn: readonly string[]
}

/** Of an update: routes and prefixes that are withdrawn. */
export const MAX_UPDATE_ENTRIES = 1_000
/** Nodes on a path. */
export const MAX_PATH_HOPS = 32
/** Characters of all addresses on a path: what is learned is kept, and a thousand routes of a neighbour must stay small. */
export const MAX_PATH_CHARACTERS = 2_048
export const MAX_EPOCH = 0xffff_ffff
export const NO_TABLE = '0'.repeat(32)

const MAX_PROPERTIES = 16
const MAX_PROPERTY_BYTES = 1_024
const MAX_FEATURES = 16
const MAX_FEATURE_BYTES = 64
const TABLE_ID_BYTES = 16
const AUTH_BYTES = 32
const MODES: readonly CcpMode[] = ['idle', 'sync']
const META = { isOptional: 0x80, isTransitive: 0x40, isPartial: 0x20, isUtf8: 0x10 } as const

export function encodeCcpControl({ mode, tableId, epoch, features }: CcpControl): Buffer {
  const texts = features.map((feature) => Buffer.from(feature))
  const length =
    1 + TABLE_ID_BYTES + 4 + countLength(texts) + sum(texts, ({ length }) => varOctetsLength(length))
  const writer = new OerWriter(length)
    .uint8(MODES.indexOf(mode))
    .octets(Buffer.from(tableId, 'hex'))
    .uint32(epoch)
    .varUint(BigInt(texts.length))
  for (const text of texts) writer.varOctets(text)
  return writer.bytes
}

/** The refusal is a text. Bytes behind are passed over. */
export function decodeCcpControl(data: Buffer): Outcome<CcpControl, string> {
  return readOer(data, (reader) => {
    const mode = MODES[reader.uint8()]
    if (mode === undefined) return reader.fail('the mode is neither idle nor sync')
    const tableId = reader.octets(TABLE_ID_BYTES).toString('hex')
    const epoch = reader.uint32()
    const features = list(reader, MAX_FEATURES, () => octetsUpTo(reader, MAX_FEATURE_BYTES).toString())
    return { mode, tableId, epoch, features }
  })
}

/** @param update that fits into a packet: see `encodedRouteLength`, `encodedPrefixLength` and `MAX_ROUTES_BYTES`. */
export function encodeCcpUpdate(update: CcpUpdate): Buffer {
  const { newRoutes, withdrawn } = update
  const length =
    HEAD_BYTES +
    varOctetsLength(update.speaker.length) +
    countLength(newRoutes) +
    sum(newRoutes, encodedRouteLength) +
    countLength(withdrawn) +
    sum(withdrawn, encodedPrefixLength)
  const writer = new OerWriter(length)
    .octets(Buffer.from(update.tableId, 'hex'))
    .uint32(update.currentEpoch)
    .uint32(update.fromEpoch)
    .uint32(update.toEpoch)
    .uint32(update.holdDownMs)
    .varAscii(update.speaker)
    .varUint(BigInt(newRoutes.length))
  for (const route of newRoutes) writeRoute(writer, route)
  writer.varUint(BigInt(withdrawn.length))
  for (const prefix of withdrawn) writer.varAscii(prefix)
  return writer.bytes
}

/** Identifier, three epochs, hold-down. */
const HEAD_BYTES = TABLE_ID_BYTES + 4 * 4
/** What the routes and prefixes of one update may take: the rest is for its head, with the longest speaker, and counts. */
export const MAX_ROUTES_BYTES =
  MAX_DATA_BYTES - HEAD_BYTES - varOctetsLength(1_023) - 2 * varUintLength(0xffffn)

function writeRoute(writer: OerWriter, { prefix, path, auth, properties }: CcpRoute): void {
  writer.varAscii(prefix).varUint(BigInt(path.length))
  for (const hop of path) writer.varAscii(hop)
  writer.octets(auth).varUint(BigInt(properties.length))
  for (const property of properties) {
    writer.uint8(metaOf(property)).uint16(property.id).varOctets(property.value)
  }
}

/** Bytes of a route in an update. */
export function encodedRouteLength({ prefix, path, properties }: CcpRoute): number {
  return (
    varOctetsLength(prefix.length) +
    countLength(path) +
    sum(path, encodedPrefixLength) +
    AUTH_BYTES +
    countLength(properties) +
    sum(properties, ({ value }) => 3 + varOctetsLength(value.length))
  )
}

/** Bytes of a prefix that is withdrawn. */
export function encodedPrefixLength(prefix: string): number {
  return varOctetsLength(prefix.length)
}

function metaOf(property: CcpProperty): number {
  return sum(Object.entries(META), ([flag, bit]) => (property[flag as keyof typeof META] ? bit : 0))
}

/** The refusal is a text: malformed, not of addresses, or larger than the bounds above. Bytes behind are passed over. */
export function decodeCcpUpdate(data: Buffer): Outcome<CcpUpdate, string> {
  const update = readOer(data, readUpdate)
  if (!update.ok) return update
  const entries = update.value.newRoutes.length + update.value.withdrawn.length
  if (entries > MAX_UPDATE_ENTRIES)
    return refused(`${entries} changes at once are more than ${MAX_UPDATE_ENTRIES}`)
  return update
}

function readUpdate(reader: OerReader): CcpUpdate {
  return {
    tableId: reader.octets(TABLE_ID_BYTES).toString('hex'),
    currentEpoch: reader.uint32(),
    fromEpoch: reader.uint32(),
    toEpoch: reader.uint32(),
    holdDownMs: reader.uint32(),
    speaker: readAddress(reader),
    newRoutes: list(reader, MAX_UPDATE_ENTRIES, () => readRoute(reader)),
    withdrawn: list(reader, MAX_UPDATE_ENTRIES, () => readPrefix(reader)),
  }
}

function readRoute(reader: OerReader): CcpRoute {
  const prefix = readPrefix(reader)
  const path = list(reader, MAX_PATH_HOPS, () => readAddress(reader))
  if (sum(path, ({ length }) => length) > MAX_PATH_CHARACTERS) {
    return reader.fail(`a path has more than ${MAX_PATH_CHARACTERS} characters`)
  }
  // A copy: a view would keep the whole packet in memory for as long as the route is known.
  const auth = Buffer.from(reader.octets(AUTH_BYTES))
  return { prefix, path, auth, properties: list(reader, MAX_PROPERTIES, () => readProperty(reader)) }
}

function readProperty(reader: OerReader): CcpProperty {
  const meta = reader.uint8()
  return {
    id: reader.uint16(),
    isOptional: (meta & META.isOptional) !== 0,
    isTransitive: (meta & META.isTransitive) !== 0,
    isPartial: (meta & META.isPartial) !== 0,
    isUtf8: (meta & META.isUtf8) !== 0,
    value: octetsUpTo(reader, MAX_PROPERTY_BYTES),
  }
}

function readAddress(reader: OerReader): string {
  const text = reader.varOctets().toString('latin1')
  return isIlpAddress(text) ? text : reader.fail('something is no ILP address')
}

function readPrefix(reader: OerReader): string {
  const text = reader.varOctets().toString('latin1')
  return isIlpAddressPrefix(text) ? text : reader.fail('something is no prefix of ILP addresses')
}

function octetsUpTo(reader: OerReader, max: number): Buffer {
  const octets = reader.varOctets()
  return octets.length > max ? reader.fail(`a value has more than ${max} bytes`) : octets
}

function list<T>(reader: OerReader, max: number, read: () => T): T[] {
  return Array.from({ length: reader.varUintNumber(max) }, read)
}

function countLength(values: readonly unknown[]): number {
  return varUintLength(BigInt(values.length))
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0)
}
