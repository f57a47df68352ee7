import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import { createMemoryStore } from '../../events/memory/index.ts'
import {
  allIds,
  authorSigner,
  type FakeRelay,
  signedEvent,
  startFakeRelay,
  startTestRelay,
} from '../../mirrors/testing/index.ts'
import { finalizeEvent, type NostrEvent, type UnsignedTemplate } from '../../nostr/index.ts'
import { eventually } from '../../platform/bus/testing/index.ts'
import { type Misbehaviour, startMisbehavingRelay } from '../collector/testing/index.ts'
import { createRelayProbe, type RelayProbe, type RelayProbeDeps } from './index.ts'
import { connectPlainly } from './testing/connect-plainly.ts'

const started: { stop(): unknown }[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop()
})
function stopLater<T extends { stop(): unknown }>(one: T): T {
  started.push(one)
  return one
}

/** Long enough for what answers, and not for what does not. */
const SHORT_MS = 400

interface TestProbe extends RelayProbe {
  /** Of all connections that it opened. */
  readonly sockets: readonly WebSocket[]
  readonly signed: readonly NostrEvent[]
}

function testProbe(change: Partial<RelayProbeDeps> = {}): TestProbe {
  const sockets: WebSocket[] = []
  const signed: NostrEvent[] = []
  const probe = createRelayProbe({
    connect: async (url, signal) => {
      const socket = await connectPlainly(url, signal)
      sockets.push(socket)
      return socket
    },
    sign: async (template: UnsignedTemplate) => {
      const event = await finalizeEvent(template, authorSigner)
      signed.push(event)
      return event
    },
    ...change,
  })
  return Object.assign(probe, { sockets, signed })
}

const never = () => new AbortController().signal
const bothWays = { writes: true }
const MS = expect.toSatisfy((ms: unknown) => typeof ms === 'number' && ms > 0 && ms < 10_000)

async function expectAllClosed({ sockets }: TestProbe): Promise<void> {
  await eventually(() => sockets.every(({ readyState, CLOSED }) => readyState === CLOSED))
}

describe('our own relay', () => {
  test('is opened, read and written to, each with its time, and keeps nothing of it', async () => {
    const store = createMemoryStore()
    const relay = stopLater(await startTestRelay(store))
    const probe = testProbe()
    expect(await probe.measure(relay.url, bothWays, never())).toEqual({ openMs: MS, readMs: MS, writeMs: MS })
    expect(probe.signed).toMatchObject([{ kind: 20_166, tags: [] }])
    await expectAllClosed(probe)
    expect(await allIds(store)).toEqual([])
  })

  test('is not written to where that is not wanted, and nothing is signed', async () => {
    const relay = stopLater(await startTestRelay(createMemoryStore()))
    const probe = testProbe()
    const times = await probe.measure(relay.url, { writes: false }, never())
    expect(times).toEqual({ openMs: MS, readMs: MS, writeMs: undefined })
    expect(probe.signed).toEqual([])
  })
})

test('without a signer nothing is written, and it says so of itself', async () => {
  const relay = stopLater(await startTestRelay(createMemoryStore()))
  const probe = createRelayProbe({ connect: connectPlainly })
  expect(probe.writes).toBe(false)
  expect(await probe.measure(relay.url, bothWays, never())).toEqual({
    openMs: MS,
    readMs: MS,
    writeMs: undefined,
  })
})

describe('a relay that', () => {
  test('answers with an event is read by then, whether the end follows or not', async () => {
    const event = signedEvent({ content: 'the newest' })
    const relay = await fakeRelay((message, say) => {
      if (message[0] === 'REQ') say('EVENT', message[1], event)
    })
    expect(await testProbe().measure(relay.url, { writes: false }, never())).toMatchObject({ readMs: MS })
    await eventually(() => relay.heard.length === 2)
    expect(relay.heard).toEqual(['REQ', 'CLOSE'])
  })

  test('refuses the event is not said to have been written to, whatever else it says of it', async () => {
    const relay = await fakeRelay(([verb, what], say) => {
      if (verb === 'REQ') say('EOSE', what)
      if (verb === 'EVENT') say('OK', (what as NostrEvent).id, false, 'blocked: not here')
    })
    const times = await testProbe().measure(relay.url, bothWays, never())
    expect(times).toEqual({ openMs: MS, readMs: MS, writeMs: undefined })
  })

  test('acknowledges another event than ours has not acknowledged ours', async () => {
    const relay = await fakeRelay(([verb, what], say) => {
      if (verb === 'REQ') say('EOSE', what)
      if (verb === 'EVENT') say('OK', 'f'.repeat(64), true, '')
    })
    const times = await testProbe({ timeoutMs: SHORT_MS }).measure(relay.url, bothWays, never())
    expect(times).toEqual({ openMs: MS, readMs: MS, writeMs: undefined })
  })

  test('closes the subscription has no time to read, and may have one to write', async () => {
    const relay = await fakeRelay(([verb, what], say) => {
      if (verb === 'REQ') say('CLOSED', what, 'restricted: not for you')
      if (verb === 'EVENT') say('OK', (what as NostrEvent).id, true, '')
    })
    const times = await testProbe().measure(relay.url, bothWays, never())
    expect(times).toEqual({ openMs: MS, readMs: undefined, writeMs: MS })
  })

  test.each<Misbehaviour>(['redirects', 'no-websocket', 'no-http', 'bad-certificate', 'hangs'])(
    '%s is not measured at all',
    async (misbehaviour) => {
      const relay = stopLater(await startMisbehavingRelay({ misbehaviour }))
      const probe = testProbe({ timeoutMs: SHORT_MS })
      expect(await probe.measure(relay.url, bothWays, never())).toEqual({})
    },
  )

  test.each<Misbehaviour>(['silent', 'closes-at-once', 'long-messages'])(
    '%s has a time to open and no other',
    async (misbehaviour) => {
      const relay = stopLater(await startMisbehavingRelay({ misbehaviour }))
      const probe = testProbe({ timeoutMs: SHORT_MS })
      expect(await probe.measure(relay.url, bothWays, never())).toEqual({
        openMs: MS,
        readMs: undefined,
        writeMs: undefined,
      })
      await expectAllClosed(probe)
    },
  )

  test('sends garbage before its answer is read all the same', async () => {
    const relay = stopLater(await startMisbehavingRelay({ misbehaviour: 'garbage' }))
    const probe = testProbe()
    expect(await probe.measure(relay.url, { writes: false }, never())).toMatchObject({ readMs: MS })
    await expectAllClosed(probe)
  })

  test('sends without an end is left after a hundred messages, long before its time is over', async () => {
    const relay = await fakeRelay(([verb], _say, socket) => {
      if (verb === 'REQ') endlessly(socket, '["NOTICE","and another thing"]')
    })
    const probe = testProbe({ timeoutMs: 3_600_000 })
    expect(await probe.measure(relay.url, bothWays, never())).toMatchObject({ openMs: MS, readMs: undefined })
    await expectAllClosed(probe)
  })
})

test('a name that leads nowhere, and a probe that is ended from outside, measure nothing', async () => {
  const nowhere = testProbe()
  expect(await nowhere.measure('ws://127.0.0.1:1', bothWays, never())).toEqual({})
  const relay = stopLater(await startMisbehavingRelay({ misbehaviour: 'hangs' }))
  for (const wait of [async () => {}, () => delay(100)]) {
    const ending = new AbortController()
    const measuring = testProbe().measure(relay.url, bothWays, ending.signal)
    await wait()
    ending.abort()
    expect(await measuring).toEqual({})
  }
})

test('so many at a time and no more; who has come back makes room', async () => {
  const relay = stopLater(await startMisbehavingRelay({ misbehaviour: 'silent' }))
  const probe = testProbe({ timeoutMs: SHORT_MS })
  const all = Array.from({ length: probe.maxAtOnce + 3 }, () => probe.measure(relay.url, bothWays, never()))
  const measured = (await Promise.all(all)).filter(({ openMs }) => openMs !== undefined)
  expect(measured).toHaveLength(probe.maxAtOnce)
  expect(relay.connections).toBe(probe.maxAtOnce)
  expect(await probe.measure(relay.url, bothWays, never())).toMatchObject({ openMs: MS })
})

test('a fault of our signer is no fault of the relay: it is thrown, and nothing stays open', async () => {
  const relay = stopLater(await startTestRelay(createMemoryStore()))
  const probe = testProbe({
    sign: async () => {
      throw new Error('the signer is away')
    },
  })
  await expect(probe.measure(relay.url, bothWays, never())).rejects.toThrow('the signer is away')
  expect(await probe.measure(relay.url, { writes: false }, never())).toMatchObject({ readMs: MS })
  await expectAllClosed(probe)
})

async function fakeRelay(answer: Parameters<typeof startFakeRelay>[0]): Promise<FakeRelay> {
  return stopLater(await startFakeRelay(answer))
}

function endlessly(socket: WebSocket, text: string): void {
  const pump = () => {
    if (socket.readyState !== socket.OPEN) return
    for (let sent = 0; sent < 100 && socket.bufferedAmount < 65_536; sent++) socket.send(text)
    setTimeout(pump, 1).unref()
  }
  pump()
}
