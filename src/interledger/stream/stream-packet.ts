/** STREAM packets before they are sealed (RFC-0029, 5.2). */
import type { Outcome } from '../../kernel/index.ts'
import { type OerReader, OerWriter, readOer, varUintLength } from '../packet/index.ts'
import { frameLength, readFrame, type StreamFrame, writeFrame } from './frames.ts'

/** The ILP packet that a STREAM packet may travel in, and no other. */
const ILP_TYPES = { prepare: 12, fulfill: 13, reject: 14 } as const

export interface StreamPacket {
  readonly ilpType: keyof typeof ILP_TYPES
  /** Of the Prepare; its answer repeats it. */
  readonly sequence: bigint
  /** On a Prepare the least that the receiver shall accept, on an answer what arrived there; the receiver's units. */
  readonly amount: bigint
  readonly frames: readonly StreamFrame[]
}

const VERSION = 1
/** Frames that one packet may hold, unknown ones included; a packet of more is not read. */
export const MAX_FRAMES = 1024

/** @param packet of at most `MAX_FRAMES`, whose frames together fit the data of an ILP packet. */
export function encodeStreamPacket({ ilpType, sequence, amount, frames }: StreamPacket): Buffer {
  const count = BigInt(frames.length)
  let length = 2 + varUintLength(sequence) + varUintLength(amount) + varUintLength(count)
  for (const frame of frames) length += frameLength(frame)
  const writer = new OerWriter(length).uint8(VERSION).uint8(ILP_TYPES[ilpType])
  writer.varUint(sequence).varUint(amount).varUint(count)
  for (const frame of frames) writeFrame(writer, frame)
  return writer.bytes
}

/**
 * Reads what was unsealed; octets in its frames are views of `bytes`. Frames of unknown types and bytes behind the last
 * frame are passed over, as the RFC asks. The refusal is a text.
 */
export function decodeStreamPacket(bytes: Buffer): Outcome<StreamPacket, string> {
  return readOer(bytes, (reader) => {
    const version = reader.uint8()
    if (version !== VERSION) return reader.fail(`version ${version} of STREAM is not known`)
    const ilpType = readIlpType(reader)
    const sequence = reader.varUint()
    const amount = reader.varUint()
    return { ilpType, sequence, amount, frames: readFrames(reader) }
  })
}

function readIlpType(reader: OerReader): StreamPacket['ilpType'] {
  const id = reader.uint8()
  if (id === ILP_TYPES.prepare) return 'prepare'
  if (id === ILP_TYPES.fulfill) return 'fulfill'
  return id === ILP_TYPES.reject ? 'reject' : reader.fail(`${id} is no type of packet`)
}

function readFrames(reader: OerReader): readonly StreamFrame[] {
  const frames: StreamFrame[] = []
  for (let left = reader.varUintNumber(MAX_FRAMES); left > 0; left--) {
    const frame = readFrame(reader)
    if (frame !== undefined) frames.push(frame)
  }
  return frames
}
