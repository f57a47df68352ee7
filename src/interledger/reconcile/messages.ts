/**
 * The messages of `stoa.reconcile`, a BTP sub-protocol of our own. The payer of a link asks what became of packets that it
 * has sent, or refuses fulfilments that came too late; the payee answers each packet in the order of the message.
 *
 * A version (1), a type, a count (2 bytes), and then for each packet
 * - question (1), refusal (3): its id (16 bytes) and its expiry (Unix milliseconds, 6 bytes);
 * - answers (2): 0 none, 1 pending, 2 fulfilled and the fulfilment (32 bytes);
 * - acknowledgement (4): 1 when nothing is owed for it, 0 when the payee insists.
 */
import type { Outcome } from '../../kernel/index.ts'
import type { PacketAnswer, PacketQuestion } from '../books.ts'
import { type OerReader, OerWriter, readOer } from '../packet/index.ts'

export const RECONCILE_PROTOCOL = 'stoa.reconcile'
/** Packets of one message. */
export const MAX_PAGE = 1_000

export interface PacketList {
  readonly type: 'question' | 'refusal'
  readonly packets: readonly PacketQuestion[]
}

const VERSION = 1
const TYPE = { question: 1, answers: 2, refusal: 3, acknowledgement: 4 } as const
const STATE = { none: 0, pending: 1, fulfilled: 2 } as const
const HEAD_BYTES = 4
const ID_BYTES = 16
const TIME_BYTES = 6
const HASH_BYTES = 32

/** @param packets at most `MAX_PAGE`. */
export function encodePacketList({ type, packets }: PacketList): Buffer {
  const writer = start(TYPE[type], packets.length, packets.length * (ID_BYTES + TIME_BYTES))
  const time = Buffer.alloc(TIME_BYTES)
  for (const { id, expiresAtMs } of packets) {
    time.writeUIntBE(expiresAtMs, 0, TIME_BYTES)
    writer.octets(Buffer.from(id, 'hex')).octets(time)
  }
  return writer.bytes
}

/** The refusal is a text. */
export function decodePacketList(bytes: Buffer): Outcome<PacketList, string> {
  return readOer(bytes, (reader) => {
    const [type, count] = readHead(reader)
    if (type !== TYPE.question && type !== TYPE.refusal) return reader.fail(`${type} is no list of packets`)
    const packets = Array.from({ length: count }, () => ({
      id: reader.octets(ID_BYTES).toString('hex'),
      expiresAtMs: reader.octets(TIME_BYTES).readUIntBE(0, TIME_BYTES),
    }))
    return { type: type === TYPE.question ? 'question' : 'refusal', packets }
  })
}

export function encodeAnswers(answers: readonly PacketAnswer[]): Buffer {
  const fulfilled = answers.filter(({ state }) => state === 'fulfilled').length
  const writer = start(TYPE.answers, answers.length, answers.length + fulfilled * HASH_BYTES)
  for (const answer of answers) {
    writer.uint8(STATE[answer.state])
    if (answer.state === 'fulfilled') writer.octets(answer.fulfillment)
  }
  return writer.bytes
}

/** @param count of the packets that were asked for; another count is refused. */
export function decodeAnswers(bytes: Buffer, count: number): Outcome<readonly PacketAnswer[], string> {
  return readOer(bytes, (reader) => {
    requireHead(reader, TYPE.answers, count)
    return Array.from({ length: count }, () => readAnswer(reader))
  })
}

function readAnswer(reader: OerReader): PacketAnswer {
  const state = reader.uint8()
  if (state === STATE.none) return { state: 'none' }
  if (state === STATE.pending) return { state: 'pending' }
  if (state !== STATE.fulfilled) return reader.fail(`${state} is no answer`)
  return { state: 'fulfilled', fulfillment: Buffer.from(reader.octets(HASH_BYTES)) }
}

/** @param isSettled for each refused packet: nothing is owed for it. */
export function encodeAcknowledgement(isSettled: readonly boolean[]): Buffer {
  const writer = start(TYPE.acknowledgement, isSettled.length, isSettled.length)
  for (const settled of isSettled) writer.uint8(settled ? 1 : 0)
  return writer.bytes
}

export function decodeAcknowledgement(bytes: Buffer, count: number): Outcome<readonly boolean[], string> {
  return readOer(bytes, (reader) => {
    requireHead(reader, TYPE.acknowledgement, count)
    return Array.from({ length: count }, () => reader.uint8() === 1)
  })
}

function start(type: number, count: number, bytes: number): OerWriter {
  return new OerWriter(HEAD_BYTES + bytes).uint8(VERSION).uint8(type).uint16(count)
}

function readHead(reader: OerReader): readonly [type: number, count: number] {
  const version = reader.uint8()
  if (version !== VERSION) return reader.fail(`version ${version} is not known`)
  const type = reader.uint8()
  const count = reader.uint16()
  return count > MAX_PAGE ? reader.fail(`${count} packets are more than ${MAX_PAGE}`) : [type, count]
}

function requireHead(reader: OerReader, type: number, count: number): void {
  const [ofType, ofCount] = readHead(reader)
  if (ofType !== type || ofCount !== count) reader.fail('it answers something else')
}
