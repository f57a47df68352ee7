/** What is late because of ourselves: a thread that was busy, and sockets that we did not read. No relay answers for that. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { eventually } from '../../platform/bus/testing/index.ts'
import { RelayLink } from './relay-link.ts'
import {
  createJumpingClock,
  eventOfNewKey,
  openTestCollector,
  startMisbehavingRelay,
  type TestCollectorOptions,
} from './testing/index.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function open(options: TestCollectorOptions) {
  const watched = await openTestCollector(options)
  stops.push(() => watched.stop())
  return watched
}

/** A bare server, whose sockets the test has in its hands. */
async function serve(onSocket: (socket: WebSocket) => void, autoPong = true): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong })
  server.on('connection', (socket) => {
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  await once(server, 'listening')
  stops.push(async () => {
    for (const socket of server.clients) socket.terminate()
    await new Promise((closed) => server.close(closed))
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** As a checkpoint, or a machine that has something else to do. */
function beBusy(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

test('a candidate is not left for the time in which this thread was busy', async () => {
  const clock = createJumpingClock()
  const relay = await startMisbehavingRelay({
    events: [eventOfNewKey({})],
    information: false,
    delayMs: 500,
  })
  stops.push(() => relay.stop())
  const watched = await open({ seeds: [relay.url], clock })
  await eventually(() => watched.stateOf(relay.url) === 'catching-up')
  clock.jumpSeconds(3_600)
  await eventually(() => watched.statusOf(relay.url).isProven)
  expect(watched.statusOf(relay.url)).toMatchObject({ failures: 0, offences: {} })
  expect(relay.connections).toBe(1)
})

test('nor for the time in which the intake was full and it was not read', async () => {
  const relay = await startMisbehavingRelay({
    events: [eventOfNewKey({})],
    information: false,
    delayMs: 1_000,
  })
  stops.push(() => relay.stop())
  const watched = await open({ seeds: [relay.url], limits: { proveMs: 300 } })
  await eventually(() => watched.stateOf(relay.url) === 'catching-up')
  watched.intake.setFull(true)
  // Its answer comes at last, and is what makes us stop reading it.
  await delay(2_000)
  expect(watched.statusOf(relay.url)).toMatchObject({ state: 'catching-up', failures: 0 })
  watched.intake.setFull(false)
  await eventually(() => watched.stateOf(relay.url) === 'live')
  expect(relay.connections).toBe(1)
})

test('a relay that closes at once is found out though this thread was busy when it did', async () => {
  const url = await serve((socket) => {
    setTimeout(() => {
      beBusy(500)
      socket.close()
    }, 20)
  })
  const watched = await open({ seeds: [url], limits: { atOnceMs: 300 } })
  await eventually(() => watched.offencesOf(url)['closed-at-once'] === 1)
  expect(watched.stateOf(url)).toBe('waiting')
})

test('a handshake that is answered while this thread is busy has not timed out', async () => {
  let sockets = 0
  const url = await serve(() => {
    sockets += 1
    // The answer is on its way when the time for it runs out.
    if (sockets === 1) beBusy(800)
  })
  const watched = await open({ seeds: [url], limits: { connectTimeoutMs: 300 } })
  await eventually(() => watched.stateOf(url) !== 'connecting' && sockets > 0)
  expect(watched.statusOf(url)).toMatchObject({ state: 'catching-up', failures: 0 })
})

test('a pong that lies in a socket which is not read measures nothing', async () => {
  const pinged = Promise.withResolvers<WebSocket>()
  const url = await serve((socket) => socket.once('ping', () => pinged.resolve(socket)), false)
  const pongs: (number | undefined)[] = []
  const opened = Promise.withResolvers<void>()
  const link = new RelayLink({ address: url, options: {} }, 1_024, {
    onOpen: () => opened.resolve(),
    onBytes: () => true,
    onEvent: () => undefined,
    onMessage: () => undefined,
    onPong: (tookMs) => pongs.push(tookMs),
    onOffence: () => undefined,
    onEnd: () => undefined,
  })
  stops.push(async () => link.leave())
  await opened.promise
  link.ping()
  const socket = await pinged.promise
  link.pause()
  socket.pong()
  await delay(100)
  link.resume()
  await eventually(() => pongs.length === 1)
  socket.once('ping', () => socket.pong())
  link.ping()
  await eventually(() => pongs.length === 2)
  expect(pongs).toEqual([undefined, expect.any(Number)])
})
