/** `routes.*`: what the operator has set, and what was learned. */
import { procedure, router } from '../builder.ts'
import { givenOf, prefixInput, routeInput, routesInput } from '../inputs.ts'
import { granted } from '../refused-call.ts'

export const routesRouter = router({
  list: procedure.input(routesInput).query(({ ctx, input = {} }) => ctx.node.routes.list(givenOf(input))),
  add: procedure
    .input(routeInput)
    .mutation(async ({ ctx, input }) => granted(await ctx.node.routes.add(input, ctx.actor))),
  remove: procedure.input(prefixInput).mutation(async ({ ctx, input }) => {
    granted(await ctx.node.routes.remove(input.prefix, ctx.actor))
  }),
})
