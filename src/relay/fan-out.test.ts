import { beforeEach, describe, expect, test } from 'vitest'
import type { NostrEvent } from '../nostr/index.ts'
import { createCounters } from './counters.ts'
import { LiveEvent } from './event-frames.ts'
import { FanOut } from './fan-out.ts'
import { type Connection, createSession } from './session.ts'
import { Subscription } from './subscription.ts'
import { Turns } from './turns/index.ts'

const note: NostrEvent = {
  id: '1'.repeat(64),
  pubkey: 'a'.repeat(64),
  created_at: 1,
  kind: 1,
  tags: [],
  content: '',
  sig: '2'.repeat(128),
}

/** Enough of a connection to see what is sent on it. */
function fakeConnection() {
  const sent: string[] = []
  const connection = {
    session: createSession({
      address: '127.0.0.1',
      source: new Turns().open('127.0.0.1'),
      host: 'localhost',
      number: 1,
      startedAtMs: 0,
      audience: undefined,
    }),
    bufferedBytes: 0,
    sendText: (text: string) => sent.push(text),
    sendFrames: (bytes: Buffer) => sent.push(bytes.subarray(bytes[1] === 126 ? 4 : 2).toString()),
  }
  // Only what fan-out touches; the real one needs a socket.
  return {
    connection: connection as unknown as Connection,
    sent,
    setBuffered: (bytes: number) => {
      connection.bufferedBytes = bytes
    },
  }
}

describe('live events', () => {
  let fanOut: FanOut
  let forgotten: Subscription[]
  const cursor = {
    next: () => ({
      count: 0,
      done: true,
      snapshotSeq: 0,
      byteLengthAt: () => 0,
      copyAt: () => 0,
      viewAt: () => Buffer.alloc(0),
    }),
  }
  const live = (seq: number) => new LiveEvent(note, Buffer.from(JSON.stringify(note)), seq)

  beforeEach(() => {
    forgotten = []
    fanOut = new FanOut({
      maxUnsentBytes: 1_000,
      counters: createCounters(),
      forget: (gone) => forgotten.push(gone),
    })
  })

  function subscribed(id = 's') {
    const fake = fakeConnection()
    const subscription = new Subscription(fake.connection, id, [{ kinds: [1] }], cursor, false)
    fanOut.add(subscription)
    return { ...fake, subscription }
  }

  test('wait while stored events are being sent, and follow them', () => {
    const { subscription, sent } = subscribed()
    subscription.snapshotSeq = 4
    fanOut.publish(live(5))
    expect(sent).toEqual([])
    fanOut.goLive(subscription)
    expect(sent).toEqual([`["EVENT","s",${JSON.stringify(note)}]`])
  })

  test('are not sent again when the query has answered with them', () => {
    const { subscription, sent } = subscribed()
    subscription.snapshotSeq = 5
    fanOut.publish(live(5))
    fanOut.goLive(subscription)
    fanOut.publish(live(5))
    expect(sent).toEqual([])
    fanOut.publish(live(6))
    expect(sent).toHaveLength(1)
  })

  test('do not reach a closed subscription, whether it was filed yet or not', () => {
    const early = subscribed()
    fanOut.remove(early.subscription)
    fanOut.publish(live(1))
    const late = subscribed()
    fanOut.goLive(late.subscription)
    fanOut.publish(live(2))
    fanOut.remove(late.subscription)
    fanOut.publish(live(3))
    expect(early.sent).toEqual([])
    expect(late.sent).toHaveLength(1)
    expect(fanOut.size).toBe(0)
  })

  test('reach a subscription that was filed while nothing happened', async () => {
    const { subscription, sent } = subscribed()
    fanOut.goLive(subscription)
    await new Promise((resolve) => setTimeout(resolve, 60))
    fanOut.publish(live(1))
    expect(sent).toHaveLength(1)
    fanOut.remove(subscription)
    expect(fanOut.size).toBe(0)
  })

  test('end the subscription of a client that does not read', () => {
    const { subscription, sent, setBuffered } = subscribed()
    fanOut.goLive(subscription)
    setBuffered(1_001)
    fanOut.publish(live(1))
    expect(sent).toEqual([expect.stringMatching(/^\["CLOSED","s","error: too slow/)])
    expect(forgotten).toEqual([subscription])
    fanOut.publish(live(2))
    expect(sent).toHaveLength(1)
  })

  test('are bounded in number while they wait', () => {
    const { sent } = subscribed()
    for (let seq = 1; seq <= 1_001; seq++) fanOut.publish(live(seq))
    expect(sent).toEqual([expect.stringMatching(/^\["CLOSED","s","error: too many/)])
  })
})
