/** Relays and events for tests of mirrors, and for whoever measures them. */
export { eventually } from './eventually.ts'
export { answerTo, type FakeRelay, filterOf, type Say, startFakeRelay } from './fake-relay.ts'
export { AUTHOR, authorSigner, type Draft, signedEvent, unsignedEvent } from './signed-event.ts'
export { allIds, fillStore } from './stores.ts'
export { startTestRelay, type TestRelay } from './test-relay.ts'
