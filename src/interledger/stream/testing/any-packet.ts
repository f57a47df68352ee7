import fc from 'fast-check'
import { MAX_AMOUNT } from '../../packet/index.ts'
import type { StreamFrame } from '../frames.ts'
import type { StreamPacket } from '../stream-packet.ts'

const uint64 = fc.bigInt({ min: 0n, max: MAX_AMOUNT })
const uint8 = fc.nat(255)
const text = fc.string({ maxLength: 200, unit: 'grapheme' }).map((each) => each.replaceAll('\u{fffd}', ''))
const octets = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes))

const frame: fc.Arbitrary<StreamFrame> = fc.oneof(
  fc.record({ type: fc.constant('connectionClose' as const), errorCode: uint8, errorMessage: text }),
  fc.record({ type: fc.constant('connectionNewAddress' as const), sourceAddress: text }),
  fc.record({ type: fc.constant('connectionMaxData' as const), maxOffset: uint64 }),
  fc.record({ type: fc.constant('connectionDataBlocked' as const), maxOffset: uint64 }),
  fc.record({ type: fc.constant('connectionMaxStreamId' as const), maxStreamId: uint64 }),
  fc.record({ type: fc.constant('connectionStreamIdBlocked' as const), maxStreamId: uint64 }),
  fc.record({ type: fc.constant('connectionAssetDetails' as const), assetCode: text, assetScale: uint8 }),
  fc.record({
    type: fc.constant('streamClose' as const),
    streamId: uint64,
    errorCode: uint8,
    errorMessage: text,
  }),
  fc.record({ type: fc.constant('streamMoney' as const), streamId: uint64, shares: uint64 }),
  fc.record({
    type: fc.constant('streamMaxMoney' as const),
    streamId: uint64,
    receiveMax: uint64,
    totalReceived: uint64,
  }),
  fc.record({
    type: fc.constant('streamMoneyBlocked' as const),
    streamId: uint64,
    sendMax: uint64,
    totalSent: uint64,
  }),
  fc.record({ type: fc.constant('streamData' as const), streamId: uint64, offset: uint64, data: octets }),
  fc.record({ type: fc.constant('streamMaxData' as const), streamId: uint64, maxOffset: uint64 }),
  fc.record({ type: fc.constant('streamDataBlocked' as const), streamId: uint64, maxOffset: uint64 }),
  fc.record({ type: fc.constant('streamReceipt' as const), streamId: uint64, receipt: octets }),
)

/** Packets with frames of all types. */
export const anyStreamPacket: fc.Arbitrary<StreamPacket> = fc.record({
  ilpType: fc.constantFrom('prepare', 'fulfill', 'reject'),
  sequence: uint64,
  amount: uint64,
  frames: fc.array(frame, { maxLength: 30 }),
})
