/** The door of packets: ILPv4 as pure functions. */
export { isIlpAddress, isIlpAddressPrefix, isInPrefix, MAX_ADDRESS_LENGTH } from './address.ts'
export { ILP_ERRORS } from './error-codes.ts'
export {
  decodeIlpPacket,
  decodePreparePacket,
  decodeReplyPacket,
  encodeIlpPacket,
  type IlpFulfill,
  type IlpPacket,
  type IlpPrepare,
  type IlpReject,
  type IlpReply,
  MAX_AMOUNT,
  MAX_DATA_BYTES,
} from './ilp-packet.ts'
export { OerReader, OerWriter, readOer, varOctetsLength, varUintLength } from './oer.ts'
export { formatTimestamp, parseTimestamp } from './timestamp.ts'
