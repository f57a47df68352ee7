import fc from 'fast-check'
import { expect, test } from 'vitest'
import { canonicalize, computeEventId, encodeEvent, serializeForId } from './canonical.ts'
import { parseEvent } from './parse-event.ts'
import { anyEvent } from './testing.ts'

test('encoding, then parsing, gives the same event', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      expect(parseEvent(JSON.parse(encodeEvent(event)))).toEqual({ ok: true, value: event })
    }),
  )
})

test('the hand-assembled texts are those of JSON.stringify', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      const { id, pubkey, created_at, kind, tags, content, sig } = event
      expect(encodeEvent(event)).toBe(JSON.stringify({ id, pubkey, created_at, kind, tags, content, sig }))
      expect(serializeForId(event)).toBe(JSON.stringify([0, pubkey, created_at, kind, tags, content]))
    }),
  )
})

test('canonicalize is computeEventId and encodeEvent in one', () => {
  fc.assert(
    fc.property(anyEvent, (event) => {
      expect(canonicalize(event)).toEqual({ id: computeEventId(event), json: encodeEvent(event) })
    }),
  )
})
