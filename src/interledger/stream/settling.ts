/** What becomes of a packet that was accepted: room for it until it is booked, totals and an answer when it is. */
import { type ConnectionState, closeStream, streamOf } from './connections.ts'
import type { StreamFrame } from './frames.ts'
import { type AcceptedPacket, DATA_WINDOW_BYTES } from './judge-prepare.ts'
import { createReceipt, MAX_RECEIPT_STREAM_ID } from './receipt.ts'
import type { StreamPacket } from './stream-packet.ts'

/** How an accepted packet ends; one of the two is called, once. */
export interface Settling {
  /** Returns what was received: data that another packet brought in the meantime is not among it. */
  booked(): AcceptedPacket
  notBooked(): void
}

/** Keeps room for what was accepted until it is known whether it was booked. */
export function hold(
  connection: ConnectionState,
  { frames }: StreamPacket,
  { money, data }: AcceptedPacket,
): Settling {
  const amount = [...money.values()].reduce((sum, part) => sum + part, 0n)
  connection.held += amount
  return {
    notBooked: () => {
      connection.held -= amount
    },
    booked: () => {
      connection.held -= amount
      connection.received += amount
      for (const [id, part] of money) streamOf(connection, id).received += part
      const taken = data.filter((bytes) => appendData(connection, bytes))
      for (const frame of frames) {
        if (frame.type === 'streamClose') closeStream(connection, Number(frame.streamId))
      }
      return { money, data: taken }
    },
  }
}

/** False when these bytes have come before. */
function appendData(
  connection: ConnectionState,
  { streamId, offset, data }: AcceptedPacket['data'][number],
): boolean {
  const stream = streamOf(connection, streamId)
  if (stream.dataReceived !== offset) return false
  stream.dataReceived += data.length
  connection.dataReceived += data.length
  return true
}

/** What the payer learns with a Fulfill of the streams that it was for. */
export function* fulfilFrames(
  connection: ConnectionState,
  { money, data }: AcceptedPacket,
): Generator<StreamFrame> {
  const { streams, terms, maxStreamId } = connection
  for (const id of money.keys()) {
    const { received } = streams.get(id)!
    const streamId = BigInt(id)
    yield { type: 'streamMaxMoney', streamId, receiveMax: terms.receiveMax, totalReceived: received }
    if (terms.receipt !== undefined && id <= MAX_RECEIPT_STREAM_ID)
      yield { type: 'streamReceipt', streamId, receipt: createReceipt(terms.receipt, id, received) }
  }
  for (const { streamId: id } of data) {
    const maxOffset = BigInt(streams.get(id)!.dataReceived + DATA_WINDOW_BYTES)
    yield { type: 'streamMaxData', streamId: BigInt(id), maxOffset }
  }
  if ([...streams.values()].some(({ isClosed }) => isClosed))
    yield { type: 'connectionMaxStreamId', maxStreamId: BigInt(maxStreamId) }
}
