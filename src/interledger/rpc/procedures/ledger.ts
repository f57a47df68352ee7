/** `ledger.*`: reading the books. */
import { procedure, router } from '../builder.ts'
import { followAccount } from '../follow-account.ts'
import { accountInput, followInput, givenOf, statementInput } from '../inputs.ts'

export const ledgerRouter = router({
  getBalance: procedure.input(accountInput).query(({ ctx, input }) => ctx.node.ledger.getBalance(input)),
  /** Newest first. */
  getTransfers: procedure
    .input(statementInput)
    .query(({ ctx, input: { path, asset, ...query } }) =>
      ctx.node.ledger.getTransfers({ path, asset }, givenOf(query)),
    ),
  /** How the account stands, then each change of it; a client that comes again is told what it has missed. */
  subscribeToAccount: procedure.input(followInput).subscription(({ ctx, input, signal }) => {
    const { path, asset, lastEventId } = input
    return followAccount({
      ledger: ctx.node.ledger,
      account: { path, asset },
      after: lastEventId === undefined || lastEventId === null ? undefined : BigInt(lastEventId),
      signal,
      onEnd: ctx.quota.begin('subscriptions'),
    })
  }),
})
