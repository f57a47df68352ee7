/**
 * What tests of engines, and of the parts above them, build and drive event stores with. Not for production
 * code.
 */
export { arbitraryPool } from './arbitrary-events.ts'
export { arbitraryScenario, type Scenario } from './arbitrary-operations.ts'
export {
  type AgreementParameters,
  assertEnginesAgree,
  assertEnginesAgreeOnRandomStreams,
} from './assert-engines-agree.ts'
export { drain, idIn, idsFound, pairsIn, put, textsOn } from './read-store.ts'
export type { StoreOperation } from './store-operation.ts'
export type { MakeStore, StoreUnderTest } from './store-under-test.ts'
export { alice, bob, bytesOf, carol, NOW_SECONDS, pubkeyOf, testEvent } from './test-event.ts'
