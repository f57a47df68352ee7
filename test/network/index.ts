/** The door of the network on loopback: for tests of the observatory, its bench and its demonstration. */
export { type LoopbackNetwork, type LoopbackRelayFacts, startLoopbackNetwork } from './loopback-network.ts'
export { type Placed, randomOf, tellStory } from './story.ts'
export { withPaidZaps } from './zap-receipts.ts'
