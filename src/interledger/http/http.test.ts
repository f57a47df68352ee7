import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { SignJWT } from 'jose'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createManualClock, systemClock } from '../../kernel/index.ts'
import { createLogger } from '../../platform/index.ts'
import { createFailedTokens } from '../failed-tokens.ts'
import type { Link } from '../link.ts'
import { encodeIlpPacket, type IlpReply } from '../packet/index.ts'
import { fulfillOf, prepareOf, rejectOf, type WatchedEvents, watchedEvents } from '../testing/index.ts'
import { type Bearer, createBearerCheck, jwtBearer } from './bearer.ts'
import { createHttpLink, type HttpLinkLimits } from './http-link.ts'
import { Poster } from './poster.ts'
import { createHttpReceiver, type HttpReceiver } from './receiver.ts'

const silent = createLogger({ level: 'silent', format: 'json' })
const TOKEN = 'a-token-of-thirty-two-characters'
const SECRET = Buffer.alloc(32, 5)
const FAR_MS = 60_000

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

let server: Server
let url = ''
let handler: Handler
let events: WatchedEvents
let receiver: HttpReceiver
const links: Link[] = []

beforeEach(async () => {
  events = watchedEvents()
  receiver = receiverFor(events)
  handler = toReceiver
  await listen(0)
})

afterEach(async () => {
  await Promise.all(links.splice(0).map((link) => link.close()))
  await stop()
})

async function listen(port: number): Promise<void> {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => handler(request, response, Buffer.concat(chunks)))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  // A TCP server's address is an AddressInfo.
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/ilp`
}

async function stop(): Promise<void> {
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
}

function receiverFor(peerEvents: WatchedEvents, maxServed?: number): HttpReceiver {
  const hash = createHash('sha256').update(TOKEN).digest('hex')
  const check = createBearerCheck({
    peerOfTokenHash: (shown) => (shown === hash ? 'alice' : undefined),
    jwtSecretOf: (peerId) => (peerId === 'alice' ? SECRET : undefined),
    clock: systemClock,
  })
  const eventsOf = (peerId: string) => (peerId === 'alice' ? peerEvents : undefined)
  return createHttpReceiver({
    check,
    eventsOf,
    failedTokens: createFailedTokens({ clock: systemClock }),
    logger: silent,
    ...(maxServed !== undefined && { maxServed }),
  })
}

const toReceiver: Handler = (request, response, body) => {
  const { method = '', headers } = request
  void receiver({ method, headers, body }).then(({ status, headers: answerHeaders, body: answer }) =>
    response.writeHead(status, answerHeaders).end(answer),
  )
}

async function connect(
  own = watchedEvents(),
  { bearer = () => TOKEN, limits = {} }: { bearer?: Bearer; limits?: Partial<HttpLinkLimits> } = {},
): Promise<Link> {
  const quick = { minRetryMs: 10, maxRetryMs: 20, ...limits }
  const link = createHttpLink({
    url,
    bearer,
    events: own,
    clock: systemClock,
    logger: silent,
    limits: quick,
  })
  links.push(link)
  await vi.waitUntil(() => link.isConnected)
  return link
}

function soon(): number {
  return systemClock.nowMs() + FAR_MS
}

test('packets are answered, each with its own answer', async () => {
  events = watchedEvents({
    onPrepare: async (prepare) =>
      prepare.data.toString().endsWith('7') ? rejectOf(prepare) : fulfillOf(prepare),
  })
  receiver = receiverFor(events)
  const link = await connect(watchedEvents(), { limits: { maxConnections: 8 } })
  const prepares = Array.from({ length: 100 }, (_, index) => prepareOf(`packet ${index}`, soon()))
  expect(await Promise.all(prepares.map((prepare) => link.send(prepare)))).toEqual(
    prepares.map((prepare, index) => (index % 10 === 7 ? rejectOf(prepare) : fulfillOf(prepare))),
  )
})

test('questions are answered, and one that the peer does not know has no answer', async () => {
  const link = await connect()
  expect(await link.ask('echo', Buffer.from('hello'), FAR_MS)).toEqual(Buffer.from('hello'))
  expect(await link.ask('unheard', Buffer.from('hello'), FAR_MS)).toBeUndefined()
  // Somebody else's server: it looks at nothing but the body, and finds no packet in it.
  handler = (_request, response) => response.writeHead(400).end()
  expect(await link.ask('echo', Buffer.from('hello'), FAR_MS)).toBeUndefined()
})

test.each([
  ['401, 404 and other 4xx', 'the peer did not take it', 404, undefined, 'unsent'],
  ['429', 'the peer did not take it', 429, undefined, 'unsent'],
  ['500', 'it may have been fulfilled', 500, undefined, 'lost'],
  ['502 of a proxy', 'it may have been fulfilled', 502, undefined, 'lost'],
  ['202 of a later draft', 'the answer would come some other way', 202, undefined, 'lost'],
  ['200 without a packet', 'nobody knows', 200, Buffer.from('hello'), 'lost'],
  ['200 with too much', 'nobody knows', 200, Buffer.alloc(300_000), 'lost'],
] as const)('after %s %s', async (_, _why, status, body, type) => {
  const link = await connect()
  handler = (_request, response) => response.writeHead(status).end(body)
  expect(await link.send(prepareOf('x', soon()))).toEqual({ type })
})

test('a packet whose connection breaks is lost, one that found none is unsent, and the link comes again', async () => {
  const own = watchedEvents()
  const link = await connect(own)
  handler = (request) => request.socket.destroy()
  expect(await link.send(prepareOf('x', soon()))).toEqual({ type: 'lost' })
  const port = Number(new URL(url).port)
  await stop()
  expect(await link.send(prepareOf('y', soon()))).toEqual({ type: 'unsent' })
  expect(link.isConnected).toBe(false)
  handler = toReceiver
  await listen(port)
  await vi.waitUntil(() => link.isConnected)
  expect(await link.send(prepareOf('z', soon()))).toEqual(fulfillOf(prepareOf('z', 0)))
  expect(own.heard).toEqual(['open', 'closed', 'open'])
})

test('a packet without an answer is lost at its expiry; one that waited for a connection is unsent', async () => {
  const clock = createManualClock(systemClock.nowMs())
  const link = createHttpLink({
    url,
    bearer: () => TOKEN,
    events: watchedEvents(),
    clock,
    logger: silent,
    limits: { maxConnections: 1, maxAsked: 2 },
  })
  links.push(link)
  await vi.waitUntil(() => link.isConnected)
  let came = 0
  handler = () => {
    came++
  }
  const first = link.send(prepareOf('first', clock.nowMs() + 1_000))
  await vi.waitUntil(() => came === 1)
  const second = link.send(prepareOf('second', clock.nowMs() + 500))
  expect(await link.send(prepareOf('third', clock.nowMs() + 500))).toEqual({ type: 'unsent' })
  clock.advanceMs(500)
  expect(await second).toEqual({ type: 'unsent' })
  clock.advanceMs(500)
  expect(await first).toEqual({ type: 'lost' })
  expect(came).toBe(1)
})

test('when no connection comes about, packets under way keep their answers, and the link opens behind them', async () => {
  const own = watchedEvents()
  const link = await connect(own)
  const held: (() => void)[] = []
  handler = (...exchange) => {
    if (exchange[0].method === 'HEAD') toReceiver(...exchange)
    else held.push(() => toReceiver(...exchange))
  }
  const underWay = [1, 2, 3, 4, 5].map((id) => link.send(prepareOf(`${id}`, soon())))
  await vi.waitUntil(() => held.length === 5)
  const port = Number(new URL(url).port)
  // Nobody comes in any more, and who is in stays.
  const before = server
  before.close()
  expect(await link.send(prepareOf('6', soon()))).toEqual({ type: 'unsent' })
  expect(own.heard).toEqual(['open', 'closed'])
  expect(await link.send(prepareOf('7', soon()))).toEqual({ type: 'unsent' })
  await listen(port)
  let probes = 0
  server.on('connection', () => probes++)
  await vi.waitUntil(() => probes > 0)
  for (const answer of held.slice(0, 4)) answer()
  expect(await Promise.all(underWay.slice(0, 4))).toEqual(
    [1, 2, 3, 4].map((id) => fulfillOf(prepareOf(`${id}`, 0))),
  )
  expect(own.heard).toEqual(['open', 'closed'])
  held[4]!()
  expect(await underWay[4]).toEqual(fulfillOf(prepareOf('5', 0)))
  await vi.waitUntil(() => link.isConnected)
  expect(own.heard).toEqual(['open', 'closed', 'open'])
  before.closeAllConnections()
})

test('no more requests wait than may, also of those that came while the token was made', async () => {
  const { promise: token, resolve: show } = Promise.withResolvers<string>()
  const link = await connect(watchedEvents(), { bearer: () => token, limits: { maxAsked: 2 } })
  let came = 0
  handler = () => {
    came++
  }
  const sent = [1, 2, 3, 4].map((id) => link.send(prepareOf(`${id}`, soon())))
  show(TOKEN)
  expect(await Promise.all(sent.slice(2))).toEqual([{ type: 'unsent' }, { type: 'unsent' }])
  await vi.waitUntil(() => came === 2)
  await link.close()
  expect((await Promise.all(sent)).map(({ type }) => type)).toEqual(['lost', 'lost', 'unsent', 'unsent'])
})

test('a packet that expires while its token is made does not leave', async () => {
  const clock = createManualClock(systemClock.nowMs())
  const { promise: token, resolve: show } = Promise.withResolvers<string>()
  const link = createHttpLink({
    url,
    bearer: () => token,
    events: watchedEvents(),
    clock,
    logger: silent,
  })
  links.push(link)
  await vi.waitUntil(() => link.isConnected)
  const sent = link.send(prepareOf('late', clock.nowMs() + 500))
  clock.advanceMs(500)
  show(TOKEN)
  expect(await sent).toEqual({ type: 'unsent' })
  expect(events.heard).toEqual([])
})

test('a peer whose connections never come about makes the link go down', async () => {
  const clock = createManualClock(systemClock.nowMs())
  // It takes connections and never says a word, so that no handshake ends.
  const mute = createTcpServer()
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const unreachable = vi.fn()
  const poster = new Poster({
    // A TCP server's address is an AddressInfo.
    url: new URL(`https://127.0.0.1:${(mute.address() as AddressInfo).port}/ilp`),
    maxConnections: 2,
    clock,
    onUnreachable: unreachable,
  })
  const posted = [1, 2, 3].map(() => poster.post({}, Buffer.alloc(1), clock.nowMs() + 500))
  await vi.waitUntil(async () => (await connectionsOf(mute)) === 2)
  clock.advanceMs(500)
  expect(await Promise.all(posted)).toEqual(posted.map(() => ({ kind: 'unsent' })))
  // The third had no connection to wait for.
  expect(unreachable).toHaveBeenCalledTimes(2)
  const closed = poster.post({}, Buffer.alloc(1), clock.nowMs() + 500)
  await vi.waitUntil(async () => (await connectionsOf(mute)) >= 1)
  poster.close()
  expect(await closed).toEqual({ kind: 'unsent' })
  // To be closed says nothing about the peer.
  expect(unreachable).toHaveBeenCalledTimes(2)
  mute.close()
})

function connectionsOf(tcp: TcpServer): Promise<number> {
  return new Promise((resolve) => tcp.getConnections((_error, count) => resolve(count)))
}

test('a packet that broke off on a connection which another one had used is lost as well', async () => {
  const link = await connect(watchedEvents(), { limits: { maxConnections: 1 } })
  let came = 0
  handler = (...exchange) => {
    came++
    if (came === 1) toReceiver(...exchange)
    else exchange[0].socket.destroy()
  }
  const answers = ['first', 'second'].map((name) => link.send(prepareOf(name, soon())))
  expect(await Promise.all(answers)).toEqual([fulfillOf(prepareOf('first', 0)), { type: 'lost' }])
})

test('a closed link loses what is under way and sends nothing more', async () => {
  const own = watchedEvents()
  const link = await connect(own)
  let came = 0
  handler = () => {
    came++
  }
  const answer = link.send(prepareOf('x', soon()))
  await vi.waitUntil(() => came === 1)
  await link.close()
  expect(await answer).toEqual({ type: 'lost' })
  expect(await link.send(prepareOf('y', soon()))).toEqual({ type: 'unsent' })
  expect(own.heard).toEqual(['open', 'closed'])
})

test('a JWT that is signed with the shared secret is as good as the token, and is renewed before it ends', async () => {
  const clock = createManualClock(systemClock.nowMs())
  const bearer = jwtBearer({ secret: SECRET, subject: 'alice', clock })
  const link = await connect(watchedEvents(), { bearer })
  expect(await link.send(prepareOf('x', soon()))).toEqual(fulfillOf(prepareOf('x', 0)))
  const first = await bearer()
  clock.advanceSeconds(200)
  expect(await bearer()).toBe(first)
  clock.advanceSeconds(50)
  expect(await bearer()).not.toBe(first)
})

test('a JWT of another secret, of an unknown peer, expired, endless or unsigned is refused, as a wrong token is', async () => {
  const now = systemClock.nowSeconds()
  const jwt = (subject: string, exp?: number, key: Uint8Array = SECRET) => {
    const made = new SignJWT({ sub: subject }).setProtectedHeader({ alg: 'HS256' })
    return (exp === undefined ? made : made.setExpirationTime(exp)).sign(key)
  }
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(`{"sub":"alice","exp":${now + 60}}`).toString('base64url')}.`
  const tokens = [
    await jwt('alice', now + 60, Buffer.alloc(32, 6)),
    await jwt('bob', now + 60),
    await jwt('alice', now - 60),
    await jwt('alice'),
    unsigned,
    'wrong',
    '',
  ]
  const body = encodeIlpPacket(prepareOf('x', soon()))
  const post = (token: string) =>
    receiver({
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
      body,
    })
  const refused = await Promise.all(tokens.map(post))
  expect(refused.map(({ status }) => status)).toEqual(tokens.map(() => 401))
  expect(await post(await jwt('alice', now + 60))).toMatchObject({ status: 200 })
  expect(events.heard).toEqual(['prepare x'])
})

test('who tries one token after another is told 429, whatever it shows; other addresses are served', async () => {
  const body = encodeIlpPacket(prepareOf('x', soon()))
  const statusFor = async (token: string | undefined, from: string) => {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const headers = { ...authorization, 'content-type': 'application/octet-stream' }
    return (await receiver({ method: 'POST', headers, body, from })).status
  }
  // Right ones cost nothing, and neither does none at all.
  for (let sent = 0; sent < 30; sent++) expect(await statusFor(TOKEN, 'mallory')).toBe(200)
  for (let sent = 0; sent < 30; sent++) expect(await statusFor(undefined, 'mallory')).toBe(401)
  for (let tries = 0; tries < 20; tries++) expect(await statusFor(`guess-${tries}`, 'mallory')).toBe(401)
  expect(await statusFor('guess', 'mallory')).toBe(429)
  expect(await statusFor(TOKEN, 'mallory')).toBe(429)
  expect(await statusFor(TOKEN, 'somebody else')).toBe(200)
})

test('requests that are no packets are refused with their own codes', async () => {
  const packet = encodeIlpPacket(prepareOf('x', soon()))
  const headers = { authorization: `bearer ${TOKEN}`, 'content-type': 'Application/Octet-Stream; q=1' }
  const statusOf = async (changes: Partial<Parameters<HttpReceiver>[0]>) =>
    (await receiver({ method: 'POST', headers, body: packet, ...changes })).status
  expect(await statusOf({})).toBe(200)
  expect(await statusOf({ method: 'GET' })).toBe(405)
  expect(await statusOf({ headers: {} })).toBe(401)
  expect(await statusOf({ headers: { ...headers, 'content-type': 'text/plain' } })).toBe(415)
  expect(await statusOf({ body: Buffer.from('garbage') })).toBe(400)
  expect(await statusOf({ body: encodeIlpPacket(fulfillOf(prepareOf('x', 0))) })).toBe(400)
  expect(await statusOf({ body: Buffer.alloc(200_000) })).toBe(413)
  expect(events.heard).toEqual(['prepare x'])
})

test('more requests at a time than are served are refused', async () => {
  const answers: ((reply: IlpReply) => void)[] = []
  receiver = receiverFor(
    watchedEvents({ onPrepare: () => new Promise((resolve) => answers.push(resolve)) }),
    1,
  )
  const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' }
  const post = () => receiver({ method: 'POST', headers, body: encodeIlpPacket(prepareOf('x', soon())) })
  const first = post()
  expect((await post()).status).toBe(429)
  await vi.waitUntil(() => answers.length === 1)
  answers[0]!(fulfillOf(prepareOf('x', 0)))
  expect((await first).status).toBe(200)
})
