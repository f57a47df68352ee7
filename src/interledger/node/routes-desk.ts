import { accepted, type Outcome, type Refusal, refused } from '../../kernel/index.ts'
import { isIlpAddressPrefix } from '../packet/index.ts'
import type { Route, RouteTable } from '../routing/index.ts'
import type { RouteFacts, RoutesDesk } from './ilp-node.ts'
import type { NodeStore } from './node-store.ts'
import type { Turns } from './turns.ts'

export interface RoutesDeskDeps {
  readonly table: RouteTable
  readonly store: NodeStore
  readonly hasPeer: (id: string) => boolean
  /** Takes over what the store holds. */
  readonly apply: () => Promise<Outcome<undefined, Refusal>>
  /** Of changes of peers and routes. */
  readonly turns: Turns
}

const DEFAULT_PAGE = 100
const MAX_PAGE = 1_000

/** Routes as the operator sees them, and those that the operator sets. */
export function createRoutesDesk({ table, store, hasPeer, apply, turns }: RoutesDeskDeps): RoutesDesk {
  return {
    list: async ({ limit = DEFAULT_PAGE, after } = {}) =>
      [...table.bestRoutes()]
        .filter(({ prefix }) => after === undefined || prefix > after)
        .sort((a, b) => (a.prefix < b.prefix ? -1 : 1))
        .slice(0, Math.min(limit, MAX_PAGE))
        .map(factsOf),
    add: ({ prefix, peerId }, by) =>
      turns.ask(async () => {
        if (!isIlpAddressPrefix(prefix)) return invalid(`${prefix} is no prefix of an ILP address`)
        if (!hasPeer(peerId)) return refused({ code: 'NOT_FOUND', text: `there is no peer ${peerId}` })
        await store.putRoute({ prefix, peerId }, by)
        const done = await apply()
        return done.ok ? accepted({ prefix, peerId, source: 'static', path: [] }) : done
      }),
    remove: (prefix, by) =>
      turns.ask(async () => {
        if (!(await store.removeRoute(prefix, by)))
          return refused({
            code: 'NOT_FOUND',
            text: `there is no route of yours to ${prefix || 'everything'}`,
          })
        return apply()
      }),
  }
}

function factsOf(route: Route): RouteFacts {
  return {
    prefix: route.prefix,
    peerId: route.source === 'own' ? '' : route.peerId,
    source: route.source,
    path: route.source === 'learned' ? route.path : [],
  }
}

function invalid(text: string): { readonly ok: false; readonly refusal: Refusal } {
  return refused({ code: 'INVALID', text })
}
