import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EventPage } from '../events/index.ts'
import { encodePage, eventPrefix, LiveEvent } from './event-frames.ts'
import { encodeTextFrame } from './websocket/index.ts'

function pageOf(events: readonly Buffer[]): EventPage {
  return {
    count: events.length,
    done: true,
    snapshotSeq: 0,
    byteLengthAt: (index) => events[index]!.length,
    viewAt: (index) => events[index]!,
    copyAt: (index, target, at) => events[index]!.copy(target, at),
  }
}

const eventOfLength = fc
  .oneof(fc.integer({ min: 2, max: 300 }), fc.integer({ min: 8_100, max: 8_300 }), fc.constant(70_000))
  .map((length) => Buffer.alloc(length, 'x'))

test('a page is the frames of its events, one after the other, however long they are', () => {
  fc.assert(
    fc.property(
      fc.array(eventOfLength, { maxLength: 8 }),
      fc.string(),
      fc.boolean(),
      (events, id, hasTrailer) => {
        const trailer = hasTrailer ? encodeTextFrame('["EOSE","s"]') : undefined
        const pieces = encodePage(eventPrefix(id), pageOf(events), trailer, (bytes) =>
          Buffer.alloc(bytes, '?'),
        )
        const expected = events.map((event) =>
          encodeTextFrame(`["EVENT",${JSON.stringify(id)},${event.toString()}]`),
        )
        expect(
          Buffer.concat(pieces).equals(Buffer.concat([...expected, ...(trailer ? [trailer] : [])])),
        ).toBe(true)
      },
    ),
  )
})

test('a live event is framed once for all subscriptions of one id', () => {
  const event = { id: '', pubkey: '', created_at: 0, kind: 1, tags: [], content: '', sig: '' }
  const live = new LiveEvent(event, Buffer.from('{}'), 1)
  const frame = live.frameFor('a', eventPrefix('a'))
  expect(frame.equals(encodeTextFrame('["EVENT","a",{}]'))).toBe(true)
  expect(live.frameFor('a', eventPrefix('a'))).toBe(frame)
  expect(live.frameFor('b', eventPrefix('b'))).not.toBe(frame)
})
