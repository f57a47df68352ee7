/** The choice whether a STREAM packet is fulfilled: pure, over what is known of its connection. */
import { accepted, type Outcome, refused } from '../../kernel/index.ts'
import { MAX_AMOUNT } from '../packet/index.ts'
import type { ConnectionState } from './connections.ts'
import { STREAM_ERRORS, type StreamFrame } from './frames.ts'
import type { StreamPacket } from './stream-packet.ts'

/** Data of all streams that a connection takes ahead of what was handed on; payers assume 64 KiB before they are told. */
export const DATA_WINDOW_BYTES = 65_536

export interface AcceptedPacket {
  /** What each stream gets, none of them nothing; together the packet's amount. */
  readonly money: ReadonlyMap<number, bigint>
  /** Data that comes next in its stream. What was received before is not among it. */
  readonly data: readonly { readonly streamId: number; readonly offset: number; readonly data: Buffer }[]
}

/** Why not, as frames for the payer. */
export type PacketVerdict = Outcome<AcceptedPacket, readonly StreamFrame[]>

/**
 * Judges everything but the condition. Nothing is changed.
 *
 * @param amount what arrived, in the receiver's units.
 * @param maxData bytes that the connection takes in all.
 */
export function judgePacket(
  connection: ConnectionState,
  packet: StreamPacket,
  amount: bigint,
  maxData: number,
): PacketVerdict {
  const unfit = findUnfitStream(connection, packet)
  if (unfit !== undefined) return refused([unfit])
  if (amount < packet.amount) return refused([])
  const money = shareOut(packet, amount)
  if (money === undefined) return refused([closeConnection('protocolViolation', 'money without a stream')])
  const full = findFullStream(connection, money, amount)
  if (full !== undefined) return refused([full])
  const data = dataInOrder(connection, packet, maxData)
  return data.ok ? accepted({ money, data: data.value }) : data
}

export function closeConnection(
  error: keyof typeof STREAM_ERRORS,
  errorMessage: string,
): StreamFrame<'connectionClose'> {
  return { type: 'connectionClose', errorCode: STREAM_ERRORS[error], errorMessage }
}

/** What the payer is told when money or data is for a stream that it may not use. */
function findUnfitStream(connection: ConnectionState, { frames }: StreamPacket): StreamFrame | undefined {
  for (const frame of frames) {
    if (frame.type !== 'streamMoney' && frame.type !== 'streamData') continue
    const { streamId } = frame
    // The payer is the client: its streams are odd (RFC-0029, 4.4.1).
    if (streamId % 2n === 0n)
      return closeConnection('protocolViolation', 'streams of the client have odd ids')
    if (streamId > BigInt(connection.maxStreamId))
      return closeConnection('streamIdError', `the highest stream is ${connection.maxStreamId}`)
    if (connection.streams.get(Number(streamId))?.isClosed) return closedStream(streamId)
  }
  return undefined
}

function closedStream(streamId: bigint): StreamFrame {
  const errorCode = STREAM_ERRORS.streamStateError
  return { type: 'streamClose', streamId, errorCode, errorMessage: 'the stream is closed' }
}

/** The amount by shares, rounded down, the rest to the lowest stream; undefined when there is money and nobody for it. */
function shareOut({ frames }: StreamPacket, amount: bigint): ReadonlyMap<number, bigint> | undefined {
  const shares = new Map<number, bigint>()
  let total = 0n
  for (const frame of frames) {
    if (frame.type !== 'streamMoney') continue
    const id = Number(frame.streamId)
    shares.set(id, (shares.get(id) ?? 0n) + frame.shares)
    total += frame.shares
  }
  if (amount === 0n) return new Map()
  if (total === 0n) return undefined
  const money = new Map<number, bigint>()
  let rest = amount
  for (const [id, share] of shares) {
    const part = (amount * share) / total
    if (part > 0n) money.set(id, part)
    rest -= part
  }
  if (rest === 0n) return money
  const lowest = Math.min(...shares.keys())
  return money.set(lowest, (money.get(lowest) ?? 0n) + rest)
}

/**
 * Payers round up what they send to fill a stream, and rates move: so much more than the maximum is taken in the packet
 * that fills it, in hundredths of what was still to come.
 */
const EXTRA_PERCENT = 1n

function findFullStream(
  { terms, received, held, streams }: ConnectionState,
  money: ReadonlyMap<number, bigint>,
  amount: bigint,
): StreamFrame | undefined {
  const total = received + held
  const room = terms.receiveMax > total ? terms.receiveMax - total : 0n
  const roomAndExtra = (room * (100n + EXTRA_PERCENT) + 99n) / 100n
  if (amount <= roomAndExtra && total + amount <= MAX_AMOUNT) return undefined
  const [id = 1] = money.keys()
  const totalReceived = streams.get(id)?.received ?? 0n
  return { type: 'streamMaxMoney', streamId: BigInt(id), receiveMax: terms.receiveMax, totalReceived }
}

/**
 * Takes data in order alone, so that nothing waits in memory for what is missing: a payer that sent ahead sends again.
 * What comes a second time (the answer to the first was lost) is acknowledged and not handed on.
 */
function dataInOrder(
  { streams, dataReceived }: ConnectionState,
  { frames }: StreamPacket,
  maxData: number,
): Outcome<AcceptedPacket['data'], readonly StreamFrame[]> {
  const next = new Map<number, number>()
  const taken: { streamId: number; offset: number; data: Buffer }[] = []
  let total = dataReceived
  for (const frame of frames) {
    if (frame.type !== 'streamData') continue
    const streamId = Number(frame.streamId)
    const offset = next.get(streamId) ?? streams.get(streamId)?.dataReceived ?? 0
    const end = frame.offset + BigInt(frame.data.length)
    if (end <= BigInt(offset)) continue
    if (end - BigInt(offset) > BigInt(maxData - total))
      return refused([closeConnection('flowControlError', `${maxData} bytes are taken on this connection`)])
    if (frame.offset !== BigInt(offset)) return refused([])
    taken.push({ streamId, offset, data: frame.data })
    next.set(streamId, Number(end))
    total += frame.data.length
  }
  return accepted(taken)
}
