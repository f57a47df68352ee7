/** The door of Interledger: the node, and the words that its neighbours share with it. */
export * from './node/index.ts'
export type {
  PeerLimits,
  PeerLinkSettings,
  PeerRelation,
  PeerState,
  PeerTerms,
  SettlementTerms,
} from './peer.ts'
