import type { IlpPrepare } from '../../packet/index.ts'
import type { StreamCredentials } from '../credentials.ts'
import { conditionOf, deriveStreamKeys, fulfillmentFor, seal } from '../keys.ts'
import { encodeStreamPacket } from '../stream-packet.ts'

/** Makes Prepares of one connection that its receiver fulfils, each a new one; when they expire is left to the caller. */
export function streamPackets({
  destinationAddress: destination,
  sharedSecret,
}: StreamCredentials): (amount: bigint) => Omit<IlpPrepare, 'expiresAtMs'> {
  const keys = deriveStreamKeys(sharedSecret)
  let sequence = 0n
  return (amount) => {
    sequence++
    const frames = [{ type: 'streamMoney', streamId: 1n, shares: 1n }] as const
    const data = seal(
      keys.encryption,
      encodeStreamPacket({ ilpType: 'prepare', sequence, amount: 0n, frames }),
    )
    const executionCondition = conditionOf(fulfillmentFor(keys, data))
    return { type: 'prepare', amount, executionCondition, destination, data }
  }
}
