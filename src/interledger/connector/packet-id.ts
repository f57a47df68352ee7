import { hash } from 'node:crypto'
import type { PacketId } from '../books.ts'
import { encodeIlpPacket, type IlpPrepare } from '../packet/index.ts'

/** 16 bytes. */
const ID_HEX_LENGTH = 32

/**
 * The id that both sides of a link give this Prepare: its SHA-256 in canonical encoding, cut short.
 *
 * @param encoded its canonical encoding, where that is known.
 */
export function packetIdOf(prepare: IlpPrepare, encoded: Buffer = encodeIlpPacket(prepare)): PacketId {
  return hash('sha256', encoded).slice(0, ID_HEX_LENGTH)
}
