import { router } from './builder.ts'
import { ledgerRouter } from './procedures/ledger.ts'
import { paymentRouter } from './procedures/payment.ts'
import { peersRouter } from './procedures/peers.ts'
import { routesRouter } from './procedures/routes.ts'
import { settlementRouter } from './procedures/settlement.ts'

/** Everything that can be called. */
export function createIlpRouter() {
  return router({
    payment: paymentRouter,
    ledger: ledgerRouter,
    settlement: settlementRouter,
    peers: peersRouter,
    routes: routesRouter,
  })
}

export type IlpRouter = ReturnType<typeof createIlpRouter>
