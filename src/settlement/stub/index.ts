/** The door of the stub rail: a chain in a file, for demonstrations, tests, and as the model of a rail. */
export { openStubChain, type StubChain, type StubView } from './chain.ts'
export { startStubMiner } from './miner.ts'
export { createStubRail, endpointOf, type StubEndpoint, type StubRailOptions } from './stub-rail.ts'
