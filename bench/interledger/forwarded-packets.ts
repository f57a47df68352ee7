import { hash } from 'node:crypto'
import type { IlpFulfill, IlpPrepare } from '../../src/interledger/packet/index.ts'
import type { MakePacket } from './traffic.ts'

const AMOUNT = 1_000n
const FULFILLMENT_BYTES = 32
/** With it a packet is as long as one of STREAM. */
const DATA_BYTES = 70

/** Packets whose receiver finds the fulfilment in their data: making and fulfilling them costs as good as nothing. */
export function forwardedPackets(destination: string): MakePacket {
  let made = 0
  const run = hash('sha256', `${process.pid} ${Date.now()}`, 'buffer')
  return () => {
    const data = Buffer.alloc(DATA_BYTES)
    run.copy(data)
    data.writeUInt32BE(++made)
    const executionCondition = hash('sha256', data.subarray(0, FULFILLMENT_BYTES), 'buffer')
    return { type: 'prepare', amount: AMOUNT, executionCondition, destination, data }
  }
}

export function fulfilForwarded({ data }: IlpPrepare): IlpFulfill {
  return { type: 'fulfill', fulfillment: data.subarray(0, FULFILLMENT_BYTES), data: Buffer.alloc(0) }
}
