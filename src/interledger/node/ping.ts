import { randomBytes } from 'node:crypto'
import { type Asset, accepted, type Clock, refused } from '../../kernel/index.ts'
import type { AccountId } from '../../ledger/index.ts'
import { type IlpPrepare, type IlpReply, isIlpAddress } from '../packet/index.ts'
import type { IlpNode } from './ilp-node.ts'

export interface PingDeps {
  readonly send: (from: AccountId, prepare: IlpPrepare) => Promise<IlpReply>
  /** What packets to a destination are counted in where they leave: then no rate is needed. */
  readonly assetTo: (destination: string) => Asset
  readonly clock: Clock
}

const WAIT_MS = 10_000
/** Nothing is taken from it: the amount is 0. */
const FROM = 'expenses/payments'

/** An amount of 0 and a condition of random bytes: whoever it is for can only refuse it. */
export function createPing({ send, assetTo, clock }: PingDeps): IlpNode['ping'] {
  return async (destination) => {
    if (!isIlpAddress(destination))
      return refused({ code: 'INVALID', text: `${destination} is no ILP address` })
    const startedMs = performance.now()
    const reply = await send(
      { path: FROM, asset: assetTo(destination) },
      {
        type: 'prepare',
        amount: 0n,
        expiresAtMs: clock.nowMs() + WAIT_MS,
        executionCondition: randomBytes(32),
        destination,
        data: Buffer.alloc(0),
      },
    )
    const tookMs = Math.round((performance.now() - startedMs) * 10) / 10
    return accepted({ tookMs, answer: answerText(reply) })
  }
}

function answerText(reply: IlpReply): string {
  if (reply.type === 'fulfill') return 'fulfilled'
  return [reply.code, reply.triggeredBy, reply.message].filter((word) => word !== '').join(' ')
}
