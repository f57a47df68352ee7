/** `peers.*`. Amounts of limits are decimal texts, as in the console: `peer-terms.ts` reads both. */
import { procedure, router } from '../builder.ts'
import { givenOf, newPeerInput, peerChangeInput, peerInput, pingInput } from '../inputs.ts'
import { granted } from '../refused-call.ts'

export const peersRouter = router({
  list: procedure.query(({ ctx }) => ctx.node.peers.list()),
  add: procedure
    .input(newPeerInput)
    .mutation(async ({ ctx, input }) => granted(await ctx.node.peers.add(input, ctx.actor))),
  /** What is named in `change` is replaced whole. */
  change: procedure
    .input(peerChangeInput)
    .mutation(async ({ ctx, input: { id, change } }) =>
      granted(await ctx.node.peers.change(id, givenOf(change), ctx.actor)),
    ),
  pause: procedure
    .input(peerInput)
    .mutation(async ({ ctx, input: { id } }) => granted(await ctx.node.peers.pause(id, ctx.actor))),
  resume: procedure
    .input(peerInput)
    .mutation(async ({ ctx, input: { id } }) => granted(await ctx.node.peers.resume(id, ctx.actor))),
  /** No more packets; its books stay. */
  close: procedure
    .input(peerInput)
    .mutation(async ({ ctx, input: { id } }) => granted(await ctx.node.peers.close(id, ctx.actor))),
  /** Sends an address a packet that nobody can fulfil: who refused it, and how soon. */
  ping: procedure
    .input(pingInput)
    .query(async ({ ctx, input }) => granted(await ctx.node.ping(input.destination))),
})
