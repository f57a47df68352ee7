/** Relays that misbehave, and the simplest parts that a collector can work with, for tests. */
export { createLoopbackForwarder, type LoopbackForwarder } from './loopback-forwarder.ts'
export { createMemoryDirectory, type MemoryDirectory } from './memory-directory.ts'
export {
  MISBEHAVIOURS,
  type MisbehavingRelay,
  type MisbehavingRelayOptions,
  type Misbehaviour,
  startMisbehavingRelay,
} from './misbehaving-relay.ts'
export {
  createJumpingClock,
  type JumpingClock,
  openTestCollector,
  type TestCollector,
  type TestCollectorOptions,
} from './open-test-collector.ts'
export { createPlainIntake, type PlainIntake } from './plain-intake.ts'
export { QUICK_LIMITS } from './quick-limits.ts'
export { eventOfNewKey, withForgedId, withWrongSignature } from './spoil.ts'
