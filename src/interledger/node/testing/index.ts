/** The door of what tests of the node and of its neighbours use. */

export type { NodeReport, PaymentReport } from './child-orders.ts'
export { createMemoryNode, type MemoryNode } from './memory-node.ts'
export { NodeProcess } from './node-process.ts'
export {
  BOOKS_BROKEN,
  DATABASE_AWAY,
  type PacketTrouble,
  TestNetwork,
  troubled,
} from './test-network.ts'
export { startTestNode, TEST_SETTINGS, type TestNode, type TestNodeOptions } from './test-node.ts'
export { addPeer, peerTerms, tokenHashOf } from './test-peers.ts'
