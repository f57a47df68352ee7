/** The door of the node: what can be asked of it, and how it is opened. */

export { ilpAssetOf } from '../ilp-asset.ts'
export { addNodeRoutes } from './http-routes.ts'
export type * from './ilp-node.ts'
export { registerNodeMetrics } from './metrics.ts'
export { openNode } from './node.ts'
export type { RecordChange } from './node-store.ts'
export type { NodeFigures, NodeSecret, OpenedNode, OpenNodeDeps, PeerAsk } from './opened-node.ts'
export { peerPatchSchema, peerTermsSchema } from './peer-terms.ts'
export type { NodeSettings } from './settings.ts'
