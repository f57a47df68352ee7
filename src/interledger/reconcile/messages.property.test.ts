import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { PacketAnswer } from '../books.ts'
import {
  decodeAcknowledgement,
  decodeAnswers,
  decodePacketList,
  encodeAcknowledgement,
  encodeAnswers,
  encodePacketList,
  MAX_PAGE,
} from './messages.ts'

const bytes = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
const packets = fc.array(
  fc.record({ id: bytes(16).map((id) => id.toString('hex')), expiresAtMs: fc.nat({ max: 2 ** 47 }) }),
  { maxLength: 50 },
)
const answer = fc.oneof(
  bytes(32).map((fulfillment): PacketAnswer => ({ state: 'fulfilled', fulfillment })),
  fc.constantFrom<PacketAnswer>({ state: 'pending' }, { state: 'none' }),
)

test('what one side writes the other reads', () => {
  const list = fc.record({ type: fc.constantFrom('question' as const, 'refusal' as const), packets })
  const answers = fc.array(answer, { maxLength: 50 })
  fc.assert(
    fc.property(list, answers, fc.array(fc.boolean(), { maxLength: 50 }), (asked, said, settled) => {
      expect(decodePacketList(encodePacketList(asked))).toEqual({ ok: true, value: asked })
      expect(decodeAnswers(encodeAnswers(said), said.length)).toEqual({ ok: true, value: said })
      const acknowledged = decodeAcknowledgement(encodeAcknowledgement(settled), settled.length)
      expect(acknowledged).toEqual({ ok: true, value: settled })
    }),
  )
})

test('nothing that a peer sends throws, and an answer to other packets is none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.array(answer, { maxLength: 5 }), (noise, said) => {
      const junk = Buffer.from([1, noise.length % 5, ...noise])
      for (const decoded of [decodePacketList(junk), decodeAnswers(junk, 3), decodeAcknowledgement(junk, 3)])
        expect(typeof decoded.ok).toBe('boolean')
      expect(decodeAnswers(encodeAnswers(said), said.length + 1).ok).toBe(false)
      expect(decodeAcknowledgement(encodeAnswers(said), said.length).ok).toBe(false)
    }),
  )
})

test('a message with more packets than a page has is refused', () => {
  const packet = { id: 'ab'.repeat(16), expiresAtMs: 1 }
  const list = (count: number) =>
    decodePacketList(
      encodePacketList({ type: 'question', packets: Array.from({ length: count }, () => packet) }),
    )
  expect(list(MAX_PAGE).ok).toBe(true)
  expect(list(MAX_PAGE + 1).ok).toBe(false)
})
