import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import {
  type Bound,
  FIRST_BOUND,
  ID_BYTES,
  INFINITE_BOUND,
  isBefore,
  NO_PREFIX,
  RESERVED_TIMESTAMP,
} from './bound.ts'
import { ByteReader } from './byte-reader.ts'

/** The first byte of a message: version 1, the only one there is (NIP-77). */
export const PROTOCOL_VERSION = 0x61

export const FINGERPRINT_BYTES = 16

/** The number before a range's payload that says what the payload is. */
export const MODES = { skip: 0n, fingerprint: 1n, ids: 2n } as const

/** What a peer says of the items from the end of the range before (or the very first) up to `end`. */
export type Range =
  /** Nothing more has to be said. */
  | { readonly mode: 'skip'; readonly end: Bound }
  | { readonly mode: 'fingerprint'; readonly end: Bound; readonly fingerprint: Uint8Array }
  /** All of its ids there, 32 bytes each. */
  | { readonly mode: 'ids'; readonly end: Bound; readonly ids: Uint8Array }

const NO_IDS = new Uint8Array(0)

/** A message after its version: the ranges, ascending. Bytes in them are views of the message. */
export function decodeRanges(bytes: Uint8Array): Outcome<readonly Range[], string> {
  const reader = new ByteReader(bytes)
  const ranges: Range[] = []
  let start = FIRST_BOUND
  while (reader.left > 0) {
    const end = readBound(reader, start.timestamp)
    const range = readPayload(reader, end)
    if (isBefore(end, start)) reader.fail('a range ends before it begins')
    if (reader.fault !== undefined) return refused(reader.fault)
    // A skip continues a skip, so that a message of nothing else costs little.
    if (range.mode === 'skip' && ranges.at(-1)?.mode === 'skip') ranges.pop()
    ranges.push(range)
    start = end
  }
  return accepted(ranges)
}

/** Times are written as the distance from the bound before, plus one, since 0 stands for infinity. */
function readBound(reader: ByteReader, previousTimestamp: bigint): Bound {
  const distance = reader.readVarint()
  const prefixLength = reader.readVarint()
  if (prefixLength > ID_BYTES)
    reader.fail(`a bound holds ${prefixLength} bytes of an id, which has ${ID_BYTES}`)
  const hasPrefix = prefixLength > 0n && reader.fault === undefined
  const idPrefix = hasPrefix ? reader.readBytes(Number(prefixLength)) : NO_PREFIX
  if (distance === 0n) {
    if (prefixLength > 0n) reader.fail('infinity has no id')
    return INFINITE_BOUND
  }
  const timestamp = previousTimestamp + distance - 1n
  if (timestamp >= RESERVED_TIMESTAMP) reader.fail('a time is beyond 2^64-2 seconds')
  return { timestamp, idPrefix }
}

function readPayload(reader: ByteReader, end: Bound): Range {
  const mode = reader.readVarint()
  switch (mode) {
    case MODES.skip:
      return { mode: 'skip', end }
    case MODES.fingerprint:
      return { mode: 'fingerprint', end, fingerprint: reader.readBytes(FINGERPRINT_BYTES) }
    case MODES.ids:
      return { mode: 'ids', end, ids: readIds(reader) }
    default:
      reader.fail(`mode ${mode} is not known`)
      return { mode: 'skip', end }
  }
}

function readIds(reader: ByteReader): Uint8Array {
  const count = reader.readVarint()
  // Compared before anything is multiplied or taken: the count is the peer's word only.
  if (count > BigInt(Math.floor(reader.left / ID_BYTES))) {
    reader.fail(`${count} ids are announced, and the message ends before them`)
    return NO_IDS
  }
  return count === 0n ? NO_IDS : reader.readBytes(Number(count) * ID_BYTES)
}
