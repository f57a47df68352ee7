import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeEvent, type NostrEvent } from '../nostr/index.ts'
import { type Bus, createMemoryBus, openBus } from '../platform/bus/index.ts'
import {
  eventually,
  isRedisInstalled,
  startTestRedis,
  type TestRedis,
} from '../platform/bus/testing/index.ts'
import { LiveEvent } from './event-frames.ts'
import { createProcessBus, type ProcessBus } from './process-bus.ts'

function liveEvent(content: string, seq: number): LiveEvent {
  const hex = (length: number) => 'a'.repeat(length)
  const event = { id: hex(64), pubkey: hex(64), created_at: 1, kind: 1, tags: [], content, sig: hex(128) }
  return new LiveEvent(event, Buffer.from(encodeEvent(event)), seq)
}

/** A bus that keeps what is published, for the test to deliver. */
function recorderOf(messages: Uint8Array[]): Pick<Bus, 'publish' | 'subscribe'> {
  return {
    publish: (_channel, payload) => messages.push(payload),
    subscribe: () => ({ ready: Promise.resolve(), stop: () => {} }),
  }
}

interface Heard {
  readonly event: NostrEvent
  readonly json: string
  readonly seq: number
}

function listen(member: ProcessBus, isWanted = () => true): readonly Heard[] {
  const heard: Heard[] = []
  const add = (event: NostrEvent, json: Uint8Array, seq: number) =>
    heard.push({ event, json: Buffer.from(json).toString(), seq })
  member.subscribe(add, { isWanted })
  return heard
}

describe('over a bus in memory', () => {
  function members() {
    const bus = createMemoryBus()
    return { bus, a: createProcessBus(bus, 'a'), b: createProcessBus(bus, 'b') }
  }

  test('an event reaches the other members with its bytes and its number, and never its sender', async () => {
    const { bus, a, b } = members()
    const c = createProcessBus(bus, 'c')
    const [byA, byB, byC] = [listen(a), listen(b), listen(c)]
    const sent = liveEvent('hello ☂', 7)
    a.publish(sent)
    await eventually(() => byB.length === 1 && byC.length === 1)
    expect(byB).toEqual([{ event: sent.event, json: Buffer.from(sent.json).toString(), seq: 7 }])
    expect(byC).toEqual(byB)
    b.publish(liveEvent('from b', 8))
    await eventually(() => byA.length === 1)
    expect(byB).toHaveLength(1)
  })

  test('the number of an ephemeral event stays infinite', async () => {
    const { a, b } = members()
    const heard = listen(b)
    a.publish(liveEvent('gone soon', Number.POSITIVE_INFINITY))
    await eventually(() => heard.length === 1)
    expect(heard[0]?.seq).toBe(Number.POSITIVE_INFINITY)
  })

  test('events of one turn travel in one message, in their order', async () => {
    const { a, b } = members()
    const heard = listen(b)
    for (let seq = 1; seq <= 100; seq++) a.publish(liveEvent(`${seq}`, seq))
    await eventually(() => heard.length === 100)
    expect(heard.map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
    expect(a.counters()).toMatchObject({ eventsSent: 100, messagesSent: 1 })
    expect(b.counters()).toMatchObject({ eventsReceived: 100, messagesMissed: 0 })
  })

  test('a turn with more than a message holds is sent in several', async () => {
    const { a, b } = members()
    const heard = listen(b)
    for (let seq = 1; seq <= 10; seq++) a.publish(liveEvent('x'.repeat(100_000), seq))
    await eventually(() => heard.length === 10)
    expect(a.counters().messagesSent).toBe(4)
  })

  test('a member that wants nothing decodes nothing', async () => {
    const { a, b } = members()
    const unwanted = listen(b, () => false)
    const wanted = listen(b)
    a.publish(liveEvent('x', 1))
    await eventually(() => wanted.length === 1)
    expect(unwanted).toEqual([])
  })

  test('bytes that are no message, and messages that hold no event, are counted and stop nothing', async () => {
    const { bus, a, b } = members()
    const heard = listen(b)
    bus.publish('live_events', Buffer.from('what is this?'))
    a.publish(new LiveEvent(liveEvent('x', 1).event, Buffer.from('{"id":'), 1))
    a.publish(liveEvent('y', 2))
    await eventually(() => heard.length === 1)
    expect(b.counters().messagesMalformed).toBe(2)
  })

  test('a message that never came is counted', async () => {
    const { bus, b } = members()
    const heard = listen(b)
    const messages: Uint8Array[] = []
    const recording = createProcessBus(recorderOf(messages), 'a')
    for (let seq = 1; seq <= 4; seq++) {
      recording.publish(liveEvent(`${seq}`, seq))
      await new Promise(setImmediate)
    }
    for (const arriving of [0, 3]) bus.publish('live_events', messages[arriving]!)
    await eventually(() => heard.length === 2)
    expect(heard.map(({ seq }) => seq)).toEqual([1, 4])
    expect(b.counters().messagesMissed).toBe(2)
  })

  test('after closing, nothing is heard, and what was published before is still sent', async () => {
    const { a, b } = members()
    const [byA, byB] = [listen(a), listen(b)]
    a.publish(liveEvent('last', 1))
    a.close()
    await eventually(() => byB.length === 1)
    b.publish(liveEvent('too late', 2))
    b.close()
    expect(byA).toEqual([])
  })
})

describe.skipIf(!isRedisInstalled)('over Redis', () => {
  let redis: TestRedis
  beforeAll(async () => {
    redis = await startTestRedis()
  })
  afterAll(() => redis.dispose())

  test('two processes hear each other, and hear each other again after Redis was killed', async () => {
    const options = { url: redis.url, prefix: 'stoa:', name: 'test' }
    const buses = await Promise.all([openBus(options), openBus(options)])
    const [a, b] = [createProcessBus(buses[0], 'a'), createProcessBus(buses[1], 'b')]
    await Promise.all([a.ready, b.ready])
    const [byA, byB] = [listen(a), listen(b)]
    a.publish(liveEvent('one', 1))
    b.publish(liveEvent('two', 2))
    await eventually(() => byA.length === 1 && byB.length === 1)

    await redis.kill()
    await eventually(() => buses.every((bus) => bus.status().state === 'degraded'))
    a.publish(liveEvent('while it was away', 3))
    await redis.start()
    await eventually(() => byB.length === 2)
    a.publish(liveEvent('after', 4))
    await eventually(() => byB.length === 3)
    expect(byB.map(({ seq }) => seq)).toEqual([1, 3, 4])
    expect(byA.map(({ seq }) => seq)).toEqual([2])
    expect(b.counters().messagesMissed).toBe(0)
    a.close()
    b.close()
    await Promise.all(buses.map((bus) => bus.close()))
  })
})
