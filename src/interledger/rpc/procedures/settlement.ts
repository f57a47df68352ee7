/** `settlement.*`: channels, and paying what is owed. */
import { procedure, router } from '../builder.ts'
import { channelInput, channelsInput, givenOf, openChannelInput, settleInput } from '../inputs.ts'
import { granted } from '../refused-call.ts'
import { channelFacts } from './payment.ts'

export const settlementRouter = router({
  /** Puts `amount` into a new channel to the party, once for the caller's key; answers with the key of the order that does it. */
  openChannel: procedure
    .input(openChannelInput)
    .mutation(async ({ ctx, input }) => granted(await ctx.settlement.openChannel(givenOf(input)))),
  closeChannel: procedure
    .input(channelInput)
    .mutation(async ({ ctx, input }) => granted(await ctx.settlement.closeChannel(input))),
  listChannels: procedure.input(channelsInput).query(async ({ ctx, input = {} }) => {
    const channels = await ctx.settlement.listChannels(givenOf(input))
    return channels.map(channelFacts)
  }),
  /** Pays `amount`, or what is owed above the target, whatever the threshold; once for the caller's key. */
  settle: procedure
    .input(settleInput)
    .mutation(async ({ ctx, input: { party, ...request } }) =>
      granted(await ctx.settlement.settle(party, givenOf(request))),
    ),
})
