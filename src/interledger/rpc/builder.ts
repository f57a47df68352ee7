/** The root of all procedures: what they are given, and what surrounds each. */
import { initTRPC } from '@trpc/server'
import type { IlpActor, IlpNode } from '../node/index.ts'
import type { Quota } from './quota.ts'
import { errorShape } from './refused-call.ts'
import type { SettlementDesk } from './settlement-desk.ts'
import { transformer } from './transformer.ts'

/** What the procedures stand on. */
export interface RpcDesk {
  readonly node: IlpNode
  readonly settlement: SettlementDesk
}

/** What one call is given. */
export interface RpcContext extends RpcDesk {
  readonly actor: IlpActor
  readonly quota: Quota
}

const t = initTRPC.context<RpcContext>().create({ transformer, errorFormatter: errorShape, isDev: false })

export const router = t.router

export const procedure = t.procedure.use(async ({ ctx, next }) => {
  const end = ctx.quota.begin('calls')
  try {
    return await next()
  } finally {
    end()
  }
})
