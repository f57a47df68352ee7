import { once } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { createManualClock, systemClock } from '../../kernel/index.ts'
import type { Link, LinkEvents } from '../link.ts'
import { encodeIlpPacket, type IlpReply } from '../packet/index.ts'
import { fulfillOf, prepareOf, rejectOf, watchedEvents } from '../testing/index.ts'
import { authMessage } from './auth.ts'
import { connectBtp } from './client.ts'
import { type BtpFrame, type BtpMessage, decodeBtpFrame, encodeBtpFrame } from './frames.ts'
import type { BtpLimits } from './limits.ts'
import { connectAs, connectRaw, silent, startBtpServer, type TestServer } from './testing/rig.ts'

const FAR_MS = 60_000
const links: Link[] = []
let rig: TestServer

beforeEach(async () => {
  rig = await startBtpServer()
})

afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()))
  await rig.stop()
})

/** Another server than the one of every test. */
async function restart(options: Parameters<typeof startBtpServer>[0]): Promise<void> {
  await rig.stop()
  rig = await startBtpServer(options)
}

function connect(events: LinkEvents, { url = rig.url, token = 'token of alice', limits = {} } = {}): Link {
  const quick: Partial<BtpLimits> = { minReconnectMs: 10, maxReconnectMs: 50, ...limits }
  const link = connectBtp({ url, token, events, clock: systemClock, logger: silent, limits: quick })
  links.push(link)
  return link
}

function soon(): number {
  return systemClock.nowMs() + FAR_MS
}

function ask(requestId: number, name: string, data: Buffer): BtpMessage {
  return { type: 'message', requestId, protocols: [{ name, contentType: 0, data }] }
}

function ilp(requestId: number, data: string): BtpMessage {
  return ask(requestId, 'ilp', encodeIlpPacket(prepareOf(data, soon())))
}

test('packets go both ways over one connection, each with its own answer', async () => {
  const alice = watchedEvents({ onPrepare: async (prepare) => rejectOf(prepare) })
  const bob = watchedEvents()
  const toAlice = rig.server.addPeer('alice', bob)
  const toBob = connect(alice)
  await vi.waitUntil(() => toBob.isConnected && toAlice.isConnected)
  const names = Array.from({ length: 200 }, (_, index) => `packet ${index}`)
  const fulfilled = await Promise.all(names.map((name) => toBob.send(prepareOf(name, soon()))))
  const rejected = await Promise.all(names.map((name) => toAlice.send(prepareOf(name, soon()))))
  expect(fulfilled).toEqual(names.map((name) => fulfillOf(prepareOf(name, 0))))
  expect(rejected).toEqual(names.map((name) => rejectOf(prepareOf(name, 0))))
})

test('questions are answered; one that the peer does not know, or answers too late, has no answer', async () => {
  const toAlice = rig.server.addPeer('alice', watchedEvents())
  const late = watchedEvents({ onAsk: () => new Promise(() => undefined) })
  const toBob = connect(late)
  await vi.waitUntil(() => toBob.isConnected && toAlice.isConnected)
  expect(await toBob.ask('echo', Buffer.from('hello'), FAR_MS)).toEqual(Buffer.from('hello'))
  expect(await toBob.ask('unheard', Buffer.from('hello'), FAR_MS)).toBeUndefined()
  expect(await toAlice.ask('echo', Buffer.from('hello'), 10)).toBeUndefined()
})

test('a wrong token, a first message of another kind, and a peer without a link are refused and left', async () => {
  const bob = watchedEvents()
  const link = rig.server.addPeer('alice', bob)
  const firsts: BtpFrame[] = [
    authMessage(9, { token: 'wrong', username: 'alice' }),
    authMessage(9, { token: 'token of carol', username: '' }),
    { ...ilp(9, 'too early') },
    { type: 'message', requestId: 9, protocols: [{ name: 'auth', contentType: 0, data: Buffer.alloc(0) }] },
  ]
  for (const first of firsts) {
    const peer = await connectRaw(rig.url)
    peer.send(first)
    expect(await peer.next()).toMatchObject({
      type: 'error',
      requestId: 9,
      code: 'F00',
      name: 'NotAcceptedError',
    })
    expect(await peer.closed).toBe(1008)
  }
  expect(bob.heard).toEqual([])
  expect(link.isConnected).toBe(false)
})

test('who tries one token after another is not heard any more, whatever it shows; other addresses are', async () => {
  await restart({ addressOf: ({ headers }) => headers['x-from']?.toString() })
  rig.server.addPeer('alice', watchedEvents())
  const knock = async (token: string, from: string) => {
    const peer = await connectRaw(rig.url, { headers: { 'x-from': from } })
    peer.send(authMessage(1, { token, username: '' }))
    const { type } = await peer.next()
    peer.socket.terminate()
    return type
  }
  for (let tries = 0; tries < 20; tries++) expect(await knock(`guess ${tries}`, 'mallory')).toBe('error')
  expect(await knock('token of alice', 'mallory')).toBe('error')
  expect(await knock('token of alice', 'somebody else')).toBe('response')
})

test('who connects and says nothing is left', async () => {
  await restart({ limits: { connectTimeoutMs: 30 } })
  const peer = await connectRaw(rig.url)
  expect(await peer.closed).toBe(1006)
})

test('a refused client tries again, and comes in when its token is known', async () => {
  const events = watchedEvents()
  const link = connect(events)
  await vi.waitFor(async () => {
    const peer = await connectAs(rig.url, 'alice')
    expect(await peer.closed).toBe(1008)
  })
  expect(link.isConnected).toBe(false)
  rig.server.addPeer('alice', watchedEvents())
  await vi.waitUntil(() => link.isConnected)
  expect(events.heard).toEqual(['open'])
})

test('when the connection breaks, what waits is lost, and the client comes again', async () => {
  const hanging = watchedEvents({ onPrepare: () => new Promise(() => undefined) })
  const toAlice = rig.server.addPeer('alice', hanging)
  const events = watchedEvents()
  const toBob = connect(events)
  await vi.waitUntil(() => toBob.isConnected && toAlice.isConnected)
  const answer = toBob.send(prepareOf('hanging', soon()))
  await vi.waitUntil(() => hanging.heard.includes('prepare hanging'))
  rig.cut()
  expect(await answer).toEqual({ type: 'lost' })
  await vi.waitUntil(() => toBob.isConnected && events.heard.length === 3)
  expect(events.heard).toEqual(['open', 'closed', 'open'])
})

test('a new connection of a peer takes the place of the old one, of which nothing is read any more', async () => {
  const order: string[] = []
  const bob = watchedEvents({
    onOpen: () => order.push('open'),
    onClosed: () => {
      order.push('closed')
      // The old one has not heard yet that it is over.
      first.send({ type: 'response', requestId: asked.requestId, protocols: [] })
      first.send(ilp(77, 'too late'))
    },
  })
  const toAlice = rig.server.addPeer('alice', bob)
  const first = await connectAs(rig.url, 'alice')
  await vi.waitUntil(() => toAlice.isConnected)
  const waiting = toAlice.send(prepareOf('for the first', soon())).then((answer) => order.push(answer.type))
  const asked = await first.next()
  const second = await connectAs(rig.url, 'alice')
  await waiting
  expect(await first.closed).toBe(1000)
  second.send(ilp(6, 'of the second'))
  expect(await second.next()).toMatchObject({ type: 'response', requestId: 6 })
  expect(order).toEqual(['open', 'closed', 'lost', 'open'])
  expect(bob.heard).toEqual(['open', 'closed', 'open', 'prepare of the second'])
})

test('what a client sends right behind its token waits until it is let in', async () => {
  const bob = watchedEvents()
  rig.server.addPeer('alice', bob)
  const peer = await connectRaw(rig.url)
  peer.send(authMessage(1, { token: 'token of alice', username: '' }))
  peer.send(ilp(2, 'impatient'))
  expect([await peer.next(), await peer.next()]).toMatchObject([{ requestId: 1 }, { requestId: 2 }])
  expect(bob.heard).toEqual(['open', 'prepare impatient'])
})

test('a packet without an answer is lost at its expiry, and an expired one does not leave', async () => {
  const clock = createManualClock(Date.UTC(2026, 0, 1))
  await restart({ clock })
  const toAlice = rig.server.addPeer('alice', watchedEvents())
  const peer = await connectAs(rig.url, 'alice')
  await vi.waitUntil(() => toAlice.isConnected)
  const answer = toAlice.send(prepareOf('slow', clock.nowMs() + 1_000))
  const { requestId } = await peer.next()
  clock.advanceMs(1_000)
  expect(await answer).toEqual({ type: 'lost' })
  // Too late: nobody waits for it any more, and it disturbs nobody.
  peer.send({ type: 'response', requestId, protocols: [] })
  expect(await toAlice.send(prepareOf('expired', clock.nowMs()))).toEqual({ type: 'unsent' })
  const next = toAlice.send(prepareOf('next', clock.nowMs() + 1_000))
  const asked = await peer.next()
  const reply = encodeIlpPacket(fulfillOf(prepareOf('next', 0)))
  peer.send({ ...asked, type: 'response', protocols: [{ name: 'ilp', contentType: 0, data: reply }] })
  expect(await next).toEqual(fulfillOf(prepareOf('next', 0)))
})

test('a BTP error means that the packet was not taken; an answer without a readable packet means nothing', async () => {
  const toAlice = rig.server.addPeer('alice', watchedEvents())
  const peer = await connectAs(rig.url, 'alice')
  await vi.waitUntil(() => toAlice.isConnected)
  const answers = ['a', 'b', 'c'].map((name) => toAlice.send(prepareOf(name, soon())))
  const [a, b, c] = [await peer.next(), await peer.next(), await peer.next()]
  const error = { code: 'F00', name: 'NotAcceptedError', triggeredAt: '20260101000000Z' }
  peer.send({ type: 'error', requestId: a.requestId, ...error, data: Buffer.alloc(0), protocols: [] })
  peer.send({ type: 'response', requestId: b.requestId, protocols: [] })
  const noReply = encodeIlpPacket(prepareOf('c', 0))
  peer.send({
    type: 'response',
    requestId: c.requestId,
    protocols: [{ name: 'ilp', contentType: 0, data: noReply }],
  })
  expect(await Promise.all(answers)).toEqual([{ type: 'unsent' }, { type: 'lost' }, { type: 'lost' }])
})

test('what is no Prepare, no packet, or a settlement is refused; an unknown sub-protocol gets an empty answer', async () => {
  const bob = watchedEvents()
  rig.server.addPeer('alice', bob)
  const peer = await connectAs(rig.url, 'alice')
  peer.send(ask(1, 'ilp', encodeIlpPacket(fulfillOf(prepareOf('', 0)))))
  peer.send(ask(2, 'ilp', Buffer.from('garbage')))
  peer.send({ type: 'transfer', requestId: 3, amount: 5n, protocols: [] })
  peer.send(ask(4, 'unheard', Buffer.from('x')))
  peer.send({ type: 'message', requestId: 5, protocols: [] })
  const frames = new Map<number, BtpFrame>()
  for (let count = 0; count < 5; count++) {
    const frame = await peer.next()
    frames.set(frame.requestId, frame)
  }
  expect(frames.get(1)?.protocols[0]?.data.toString('latin1')).toContain('F01')
  expect(frames.get(2)?.protocols[0]?.data.toString('latin1')).toContain('F01')
  expect(frames.get(3)).toMatchObject({ type: 'error', code: 'F00' })
  expect(frames.get(4)).toEqual({ type: 'response', requestId: 4, protocols: [] })
  expect(frames.get(5)).toEqual({ type: 'response', requestId: 5, protocols: [] })
  expect(bob.heard).toEqual(['open', 'ask unheard'])
})

test('unreadable frames are not answered, and too many of them end the connection', async () => {
  await restart({ limits: { maxBrokenFrames: 3 } })
  rig.server.addPeer('alice', watchedEvents())
  const peer = await connectAs(rig.url, 'alice')
  peer.socket.send(Buffer.from('06000000', 'hex'))
  peer.socket.send('text')
  peer.socket.send(Buffer.alloc(0))
  peer.send(ilp(1, 'still here'))
  expect(await peer.next()).toMatchObject({ type: 'response', requestId: 1 })
  peer.socket.send(Buffer.from('ff', 'hex'))
  expect(await peer.closed).toBe(1002)
})

test('a frame that is too long ends the connection', async () => {
  const bob = watchedEvents()
  rig.server.addPeer('alice', bob)
  const peer = await connectAs(rig.url, 'alice')
  peer.send(ask(1, 'ilp', Buffer.alloc(200_000)))
  expect(await peer.closed).toBe(1009)
  await vi.waitUntil(() => bob.heard.includes('closed'))
})

test('more requests at a time than are served are refused, and those being served are answered', async () => {
  await restart({ limits: { maxServed: 2 } })
  const answers: ((reply: IlpReply) => void)[] = []
  rig.server.addPeer(
    'alice',
    watchedEvents({ onPrepare: () => new Promise((resolve) => answers.push(resolve)) }),
  )
  const peer = await connectAs(rig.url, 'alice')
  for (const id of [1, 2, 3]) peer.send(ilp(id, String(id)))
  expect(await peer.next()).toMatchObject({
    type: 'error',
    requestId: 3,
    code: 'T00',
    name: 'UnreachableError',
  })
  for (const answer of answers) answer(fulfillOf(prepareOf('', 0)))
  expect([await peer.next(), await peer.next()]).toMatchObject([{ requestId: 1 }, { requestId: 2 }])
  peer.send(ilp(4, 'again'))
  await vi.waitUntil(() => answers.length === 3)
})

test('no more requests of ours wait than may', async () => {
  const toAlice = rig.server.addPeer(
    'alice',
    watchedEvents({ onPrepare: () => new Promise(() => undefined) }),
  )
  const link = connect(watchedEvents(), { limits: { maxAsked: 2 } })
  await vi.waitUntil(() => link.isConnected && toAlice.isConnected)
  const answers = [1, 2].map((id) => link.send(prepareOf(String(id), soon())))
  expect(await link.send(prepareOf('3', soon()))).toEqual({ type: 'unsent' })
  expect(await link.ask('echo', Buffer.alloc(0), FAR_MS)).toBeUndefined()
  await link.close()
  expect(await Promise.all(answers)).toEqual([{ type: 'lost' }, { type: 'lost' }])
})

test('to a peer that does not read, no more is sent, and one that asks without reading answers is left', async () => {
  const maxUnreadBytes = 64 * 1024
  await restart({ limits: { maxUnreadBytes } })
  const bob = watchedEvents()
  const toAlice = rig.server.addPeer('alice', bob)
  const peer = await connectAs(rig.url, 'alice')
  await vi.waitUntil(() => toAlice.isConnected)
  peer.socket.pause()
  const large = { ...prepareOf('', soon()), data: Buffer.alloc(32_000) }
  const answers: Promise<unknown>[] = []
  await vi.waitUntil(
    async () => {
      const answer = toAlice.send(large)
      answers.push(answer)
      return (await Promise.race([answer, Promise.resolve('under way')])) !== 'under way'
    },
    { interval: 1, timeout: 20_000 },
  )
  expect(await answers.at(-1)).toEqual({ type: 'unsent' })
  expect(toAlice.isConnected).toBe(true)
  for (let id = 0; id < 100; id++) peer.send(ask(id, 'ilp', encodeIlpPacket(large)))
  await vi.waitUntil(() => !toAlice.isConnected)
  expect(await answers[0]).toEqual({ type: 'lost' })
})

test('what is sent when the peer has said goodbye is unsent: nothing of it leaves any more', async () => {
  const toAlice = rig.server.addPeer('alice', watchedEvents())
  const peer = await connectAs(rig.url, 'alice')
  await vi.waitUntil(() => toAlice.isConnected)
  const before = toAlice.send(prepareOf('before', soon()))
  await peer.next()
  // It reads nothing any more, so that the connection stands after both have said that it is over.
  peer.socket.pause()
  peer.socket.close()
  await vi.waitUntil(async () => {
    const answer = toAlice.send(prepareOf('after', soon()))
    return (await Promise.race([answer, Promise.resolve('under way')])) !== 'under way'
  })
  expect(toAlice.isConnected).toBe(true)
  expect(await toAlice.send(prepareOf('after', soon()))).toEqual({ type: 'unsent' })
  expect(await toAlice.ask('echo', Buffer.alloc(0), FAR_MS)).toBeUndefined()
  peer.socket.terminate()
  expect(await before).toEqual({ type: 'lost' })
})

test('a peer that gives no sign of life is left', async () => {
  await restart({ limits: { pingIntervalMs: 100 } })
  const bob = watchedEvents()
  const toAlice = rig.server.addPeer('alice', bob)
  const alive = watchedEvents()
  rig.server.addPeer('carol', alive)
  const peer = await connectAs(rig.url, 'alice', { answersPings: false })
  await connectAs(rig.url, 'carol')
  expect(await peer.closed).toBe(1006)
  expect(toAlice.isConnected).toBe(false)
  expect(alive.heard).toEqual(['open'])
})

test('a fault in what the packet is handed to is told to the peer, and the connection lives on', async () => {
  const bob = watchedEvents({ onPrepare: () => Promise.reject(new Error('a bug')) })
  rig.server.addPeer('alice', bob)
  const peer = await connectAs(rig.url, 'alice')
  peer.send(ilp(1, 'x'))
  expect(await peer.next()).toMatchObject({ type: 'error', requestId: 1, code: 'T00' })
  peer.send(ask(2, 'echo', Buffer.from('y')))
  expect(await peer.next()).toMatchObject({ type: 'response', requestId: 2 })
})

test('a link that is closed does not come again, and what is sent on it is unsent', async () => {
  const bob = watchedEvents()
  const toAlice = rig.server.addPeer('alice', bob)
  const alice = watchedEvents()
  const toBob = connect(alice)
  await vi.waitUntil(() => toBob.isConnected && toAlice.isConnected)
  await toBob.close()
  await vi.waitUntil(() => !toAlice.isConnected)
  expect(await toBob.send(prepareOf('x', soon()))).toEqual({ type: 'unsent' })
  expect(alice.heard).toEqual(['open', 'closed'])
  // The server's side, closed, refuses the peer from then on.
  await toAlice.close()
  const peer = await connectAs(rig.url, 'alice')
  expect(await peer.closed).toBe(1008)
})

test('closing while the connection is being made leaves nothing behind', async () => {
  const events = watchedEvents()
  await connect(events).close()
  const unreachable = connect(events, { url: 'ws://127.0.0.1:1/btp' })
  await unreachable.close()
  expect(events.heard).toEqual([])
})

test('a client leaves a server that does not answer its token', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  let greetings = 0
  server.on('connection', (socket) =>
    socket.on('message', (data: Buffer) => {
      greetings++
      // The second time it answers something that nobody asked.
      if (greetings === 2) {
        const frame = decodeBtpFrame(data)
        if (frame.ok) socket.send(encodeBtpFrame({ type: 'response', requestId: 99, protocols: [] }))
      }
    }),
  )
  const link = connect(watchedEvents(), {
    url: `ws://127.0.0.1:${address.port}`,
    limits: { connectTimeoutMs: 30 },
  })
  await vi.waitUntil(() => greetings >= 3)
  expect(link.isConnected).toBe(false)
  await link.close()
  server.close()
})
