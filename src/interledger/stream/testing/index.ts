/** Paths for tests: what stands between a payer and a receiver, one trouble at a time, put around one another. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ILP_ERRORS, type IlpPrepare, type IlpReply } from '../../packet/index.ts'
import type { StreamServer } from '../stream-server.ts'

export type SendPrepare = (prepare: IlpPrepare) => Promise<IlpReply>

/** The end of a path: a server whose books are always written a moment later. */
export function pathTo(server: StreamServer): SendPrepare {
  return async (prepare) => {
    const decision = server.decide(prepare)
    if (!decision.isAccepted) return decision.reply
    await Promise.resolve()
    return decision.booked()
  }
}

export function rejectWith(code: string, data: Buffer = Buffer.alloc(0)): IlpReply {
  return { type: 'reject', code, triggeredBy: 'test.connector', message: '', data }
}

/** `delivered` units go out for `source` units that come in, rounded down. */
export function withRate(rate: { source: bigint; delivered: bigint }, send: SendPrepare): SendPrepare {
  return (prepare) => send({ ...prepare, amount: (prepare.amount * rate.delivered) / rate.source })
}

/** Refuses larger packets with F08, and says what it would have taken. */
export function withMaxPacket(maximum: bigint, send: SendPrepare): SendPrepare {
  return (prepare) => {
    if (prepare.amount <= maximum) return send(prepare)
    const data = Buffer.alloc(16)
    data.writeBigUInt64BE(prepare.amount, 0)
    data.writeBigUInt64BE(maximum, 8)
    return Promise.resolve(rejectWith(ILP_ERRORS.AMOUNT_TOO_LARGE, data))
  }
}

/**
 * Honest until the rate is known, then greedy: says that packets must be small, and keeps of each as much as rounding may
 * take.
 *
 * @param maximum of a packet, in the payer's units.
 */
export function withGreed(
  { maximum, honestFor }: { maximum: bigint; honestFor: number },
  send: SendPrepare,
): SendPrepare {
  let packets = 0
  const small = withMaxPacket(maximum, (prepare) => {
    const kept = prepare.amount > 0n ? 1n : 0n
    return send({ ...prepare, amount: prepare.amount - kept })
  })
  return (prepare) => {
    packets += 1
    return packets <= honestFor ? send(prepare) : small(prepare)
  }
}

/** Refuses with T04 what would be more than this under way together. */
export function withLiquidity(maximum: bigint, send: SendPrepare): SendPrepare {
  let inFlight = 0n
  return async (prepare) => {
    if (inFlight + prepare.amount > maximum) return rejectWith(ILP_ERRORS.INSUFFICIENT_LIQUIDITY)
    inFlight += prepare.amount
    const reply = await send(prepare)
    inFlight -= prepare.amount
    return reply
  }
}

/** Refuses with this code, in place of handing on, whenever `isLost` says so. */
export function withLoss(isLost: () => boolean, code: string, send: SendPrepare): SendPrepare {
  return (prepare) => (isLost() ? Promise.resolve(rejectWith(code)) : send(prepare))
}

/** Answers with a timeout what was fulfilled, whenever `isLost` says so. */
export function withLostAnswers(isLost: () => boolean, send: SendPrepare): SendPrepare {
  return async (prepare) => {
    const reply = await send(prepare)
    return isLost() ? rejectWith(ILP_ERRORS.TRANSFER_TIMED_OUT) : reply
  }
}

export function withLatency(ms: () => number, send: SendPrepare): SendPrepare {
  return async (prepare) => {
    await sleep(ms())
    return send(prepare)
  }
}

export { encodeStreamPacket } from '../stream-packet.ts'
export { anyStreamPacket } from './any-packet.ts'
export { streamPackets } from './stream-packets.ts'
