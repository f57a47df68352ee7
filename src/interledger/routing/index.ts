/** The door of routing: which neighbour a packet goes to, and how neighbours tell each other. */
export { CCP_CONTROL, CCP_UPDATE } from './ccp-packet.ts'
export type { LocalRouting, StaticRoute } from './local-routing.ts'
export { LostRoutes } from './lost-routes.ts'
export type { ConfiguredRoute, LearnedRoute, NextHop, Route, RouteSource } from './route.ts'
export {
  createRouteExchange,
  type RouteExchange,
  type RouteExchangeDeps,
  type RouteExchangeFacts,
  type RoutePeer,
} from './route-exchange.ts'
export { type RouteListener, RouteTable, type RouteTableLimits } from './route-table.ts'
