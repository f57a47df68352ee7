/** `payment.*`: claims of channels, payments by STREAM, and how packets go. */
import { procedure, router } from '../builder.ts'
import {
  channelInput,
  claimAllInput,
  givenOf,
  payInput,
  paymentInput,
  quoteInput,
  recordInput,
  verifyInput,
} from '../inputs.ts'
import { granted, RefusedCall } from '../refused-call.ts'
import type { ChannelFacts, KeptChannel } from '../settlement-desk.ts'

export const paymentRouter = router({
  getChannelState: procedure.input(channelInput).query(async ({ ctx, input }) => {
    const channel = await ctx.settlement.channelState(input)
    if (channel !== undefined) return channelFacts(channel)
    throw new RefusedCall({ code: 'UNKNOWN_CHANNEL', text: 'there is no such channel' })
  }),
  /** What the claim would bring. Says nothing about a moment later: `recordClaim` decides. */
  verifyPaymentClaim: procedure.input(verifyInput).query(async ({ ctx, input }) => {
    const { claim, signature, binding } = input
    return { adds: granted(await ctx.settlement.verifyPaymentClaim({ claim, signature }, { binding })) }
  }),
  /** Takes the claim and credits what it adds. */
  recordClaim: procedure.input(recordInput).mutation(async ({ ctx, input }) => {
    const { claim, signature, binding, credit } = input
    return { adds: granted(await ctx.settlement.recordClaim({ claim, signature }, { binding, credit })) }
  }),
  /** Has what all claims are worth brought home; the keys of the orders that do it. */
  claimAllChannels: procedure
    .input(claimAllInput)
    .mutation(async ({ ctx, input }) => ({ orders: await ctx.settlement.claimAllChannels(input?.rail) })),
  getRoutingStats: procedure.query(({ ctx }) => ctx.node.stats()),
  quote: procedure
    .input(quoteInput)
    .query(async ({ ctx, input }) => granted(await ctx.node.payments.quote(givenOf(input)))),
  /** Resolves when it is over. The same key is paid once: asked again, it tells what became of it. */
  pay: procedure
    .input(payInput)
    .mutation(async ({ ctx, input }) => granted(await ctx.node.payments.pay(givenOf(input), ctx.actor))),
  /** What became of a payment, or how far it is. */
  show: procedure
    .input(paymentInput)
    .query(async ({ ctx, input }) => granted(await ctx.node.payments.show(input.key))),
})

/** Without its best claim. */
export function channelFacts({ best: _, ...facts }: KeptChannel): ChannelFacts {
  return facts
}
