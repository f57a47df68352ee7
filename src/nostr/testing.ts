/** Events for the tests of this folder: of the right shape and with the right id, but not signed. */
import fc from 'fast-check'
import { computeEventId } from './canonical.ts'
import type { NostrEvent } from './event.ts'

export const ALICE = 'a1'.repeat(32)
export const BOB = 'b0'.repeat(32)

/** An event that states only what matters to the test; its id is computed unless given. */
export function testEvent(members: Partial<NostrEvent> = {}): NostrEvent {
  const event = {
    pubkey: ALICE,
    created_at: 1_700_000_000,
    kind: 1,
    tags: [],
    content: '',
    sig: '0'.repeat(128),
    ...members,
  }
  return { id: computeEventId(event), ...event }
}

/** Strings of any Unicode characters, controls and noncharacters included, without lone surrogates. */
const anyText = fc.string({ unit: 'binary', maxLength: 40 })

/** Any event that `parseEvent` accepts. */
export const anyEvent: fc.Arbitrary<NostrEvent> = fc
  .record({
    pubkey: hexOf(64),
    created_at: fc.maxSafeNat(),
    kind: fc.integer({ min: 0, max: 65535 }),
    tags: fc.array(fc.array(anyText, { minLength: 1, maxLength: 4 }), { maxLength: 6 }),
    content: anyText,
    sig: hexOf(128),
  })
  .map(testEvent)

/** Lowercase hex of so many characters. */
export function hexOf(length: number): fc.Arbitrary<string> {
  return fc.string({
    unit: fc.constantFrom(...Array.from('0123456789abcdef')),
    minLength: length,
    maxLength: length,
  })
}
