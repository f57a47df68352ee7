/** The door of the connector: the way of packets through this node. */
export {
  type Connector,
  type ConnectorDeps,
  type ConnectorStats,
  createConnector,
  DEFAULT_MAX_HOLD_MS,
  DEFAULT_MAX_IN_FLIGHT,
} from './connector.ts'
export type { PacketCounts } from './live-peer.ts'
export { packetIdOf } from './packet-id.ts'
export { PeerBook, type PeerBookOptions, type PeerFigures } from './peer-book.ts'
export type {
  ConnectorNotice,
  NextHop,
  PeerProtocol,
  Rates,
  Reconciler,
  Routes,
} from './ports.ts'
