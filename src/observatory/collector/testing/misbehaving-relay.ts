/**
 * A relay over loopback that serves events as NIP-01 and NIP-11 have it, and in whatever way it is told to, does not.
 * What it misbehaves with comes besides what is right, as far as that is possible.
 */
import { once } from 'node:events'
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Filter, matchesFilter, type NostrEvent, parseFilter } from '../../../nostr/index.ts'
import { BAD_CERTIFICATE, BAD_CERTIFICATE_KEY } from './bad-certificate.ts'
import { eventOfNewKey, withForgedId, withWrongSignature } from './spoil.ts'

export const MISBEHAVIOURS = [
  /** Sends what is no JSON, and binary messages. */
  'garbage',
  'forged-ids',
  'wrong-signatures',
  'malformed-events',
  /** Events of kinds that nobody asked for. */
  'other-filters',
  /** A message of ten megabytes. */
  'long-messages',
  /** Stored events without an end. */
  'endless-stream',
  /** A message of ever more frames. */
  'endless-pieces',
  'future-dates',
  'absurd-dates',
  /** Each event by another key. */
  'many-keys',
  'no-eose',
  'closes-at-once',
  'redirects',
  'bad-certificate',
  /** Takes the connection and does not answer the handshake. */
  'hangs',
  /** Opens, and then says nothing at all. */
  'silent',
  /** Notices, as fast as they go. */
  'floods',
  /** Answers with a web page. */
  'no-websocket',
  /** Answers a handshake with what is no HTTP. */
  'no-http',
] as const
export type Misbehaviour = (typeof MISBEHAVIOURS)[number]

export interface MisbehavingRelayOptions {
  readonly events?: readonly NostrEvent[]
  readonly misbehaviour?: Misbehaviour
  /** Sends at most so many stored events for one REQ. */
  readonly cap?: number
  /** Answers come so much later. */
  readonly delayMs?: number
  /** Why a REQ is answered with CLOSED; undefined when it is served. Subscriptions that were open before are given. */
  readonly refuse?: (filter: Filter, open: number) => string | undefined
  /** CLOSED follows EOSE: it keeps no subscription open. */
  readonly closesAfterStored?: boolean
  /** The information document; absent: one with a name. False: none. */
  readonly information?: Readonly<Record<string, unknown>> | string | false
  readonly port?: number
  /** What it misbehaves with comes so many times for one REQ; 10 when absent. */
  readonly spoiledPerAnswer?: number
}

export interface MisbehavingRelay {
  /** `ws://`, or `wss://` with a bad certificate. */
  readonly url: string
  readonly port: number
  /** Filters of REQs, in the order in which they came. */
  readonly asked: readonly Filter[]
  /** Connections that were ever opened. */
  readonly connections: number
  readonly openConnections: number
  /** Events that hold, each by a key of its own, with which it has misbehaved (`many-keys`). */
  readonly invented: readonly NostrEvent[]
  /** Takes a new event, and sends it to whoever has subscribed to such. */
  publish(event: NostrEvent): void
  /** Drops all connections; it goes on listening. */
  drop(): void
  /** Sends something to everybody. */
  say(text: string): void
  stop(): Promise<void>
}

const DEFAULT_CAP = 500
const DEFAULT_SPOILED_PER_ANSWER = 10
/** What a relay without an end holds in its hands at a time. */
const MAX_BUFFERED_BYTES = 1_048_576
const LONG_MESSAGE_BYTES = 10_000_000

export async function startMisbehavingRelay(
  options: MisbehavingRelayOptions = {},
): Promise<MisbehavingRelay> {
  const relay = new TestRelay(options)
  await relay.listen()
  return relay
}

class TestRelay implements MisbehavingRelay {
  readonly asked: Filter[] = []
  readonly invented: NostrEvent[] = []
  connections = 0
  port = 0
  readonly #options: MisbehavingRelayOptions
  readonly #server: Server
  readonly #sockets = new WebSocketServer({ noServer: true })
  readonly #raw = new Set<Duplex>()
  readonly #subscriptions = new Map<WebSocket, Map<string, readonly Filter[]>>()
  readonly #events: NostrEvent[]
  #isStopped = false

  constructor(options: MisbehavingRelayOptions) {
    this.#options = options
    this.#events = newestFirst(options.events ?? [])
    const onRequest = (request: IncomingMessage, response: ServerResponse) =>
      this.#onRequest(request, response)
    this.#server =
      options.misbehaviour === 'bad-certificate'
        ? createHttpsServer({ cert: BAD_CERTIFICATE, key: BAD_CERTIFICATE_KEY }, onRequest)
        : createHttpServer(onRequest)
    this.#server.on('connection', (socket: Duplex) => {
      this.#raw.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => this.#raw.delete(socket))
    })
    this.#server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head))
    this.#server.on('tlsClientError', () => undefined)
  }

  get url(): string {
    return `${this.#options.misbehaviour === 'bad-certificate' ? 'wss' : 'ws'}://127.0.0.1:${this.port}`
  }

  get openConnections(): number {
    return this.#subscriptions.size
  }

  async listen(): Promise<void> {
    this.#server.listen(this.#options.port ?? 0, '127.0.0.1')
    await once(this.#server, 'listening')
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('a TCP port was asked for')
    this.port = address.port
  }

  publish(event: NostrEvent): void {
    const at = this.#events.findIndex((stored) => isNewer(event, stored))
    this.#events.splice(at < 0 ? this.#events.length : at, 0, event)
    for (const [socket, subscriptions] of this.#subscriptions) {
      for (const [id, filters] of subscriptions) {
        if (filters.some((filter) => matchesFilter(filter, event))) say(socket, 'EVENT', id, event)
      }
    }
  }

  drop(): void {
    for (const socket of this.#subscriptions.keys()) socket.terminate()
  }

  say(text: string): void {
    for (const socket of this.#subscriptions.keys()) socket.send(text)
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#raw) socket.destroy()
    await closed
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { information = { name: 'a relay of a test', supported_nips: [1, 11] } } = this.#options
    if (this.#options.misbehaviour === 'redirects') {
      response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()
    } else if (information === false || request.headers.accept !== 'application/nostr+json') {
      response.writeHead(404).end()
    } else {
      response.end(typeof information === 'string' ? information : JSON.stringify(information))
    }
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { misbehaviour } = this.#options
    if (misbehaviour === 'hangs') return
    const raw = RAW_ANSWERS[misbehaviour ?? '']
    if (raw !== undefined) {
      socket.end(raw)
      return
    }
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#onOpen(opened))
  }

  #onOpen(socket: WebSocket): void {
    this.connections += 1
    this.#subscriptions.set(socket, new Map())
    socket.on('error', () => undefined)
    socket.on('close', () => this.#subscriptions.delete(socket))
    if (this.#options.misbehaviour === 'closes-at-once') {
      socket.close()
      return
    }
    socket.on('message', (data: Buffer) => {
      if (this.#options.misbehaviour === 'silent') return
      const { delayMs = 0 } = this.#options
      if (delayMs === 0) this.#onMessage(socket, data)
      else setTimeout(() => this.#onMessage(socket, data), delayMs).unref()
    })
  }

  #onMessage(socket: WebSocket, data: Buffer): void {
    const message: unknown = JSON.parse(data.toString())
    if (!Array.isArray(message)) return
    const [verb, id, ...filters] = message
    if (typeof id !== 'string') return
    if (verb === 'CLOSE') this.#subscriptions.get(socket)?.delete(id)
    if (verb === 'REQ') this.#onRequested(socket, id, filters.map(filterOf))
  }

  #onRequested(socket: WebSocket, id: string, filters: readonly Filter[]): void {
    const open = this.#subscriptions.get(socket)
    if (open === undefined) return
    const { refuse, closesAfterStored = false, misbehaviour } = this.#options
    for (const filter of filters) {
      this.asked.push(filter)
      const refusal = refuse?.(filter, open.size)
      if (refusal === undefined) continue
      say(socket, 'CLOSED', id, refusal)
      return
    }
    open.set(id, filters)
    this.#misbehave(socket, id, filters)
    if (misbehaviour === 'endless-stream' || misbehaviour === 'endless-pieces') return
    for (const event of this.#answer(filters)) say(socket, 'EVENT', id, event)
    if (misbehaviour !== 'no-eose') say(socket, 'EOSE', id)
    if (!closesAfterStored) return
    open.delete(id)
    say(socket, 'CLOSED', id, 'error: no live subscriptions here')
  }

  #answer(filters: readonly Filter[]): readonly NostrEvent[] {
    const { cap = DEFAULT_CAP } = this.#options
    const limit = Math.min(cap, ...filters.map((filter) => filter.limit ?? cap))
    const matching: NostrEvent[] = []
    for (const event of this.#events) {
      if (matching.length === limit) break
      if (filters.some((filter) => matchesFilter(filter, event))) matching.push(event)
    }
    return matching
  }

  #misbehave(socket: WebSocket, id: string, filters: readonly Filter[]): void {
    const { misbehaviour, spoiledPerAnswer = DEFAULT_SPOILED_PER_ANSWER } = this.#options
    const isPage = filters.some(({ until }) => until !== undefined)
    const events = this.#answer(filters)
    for (const text of spoiledMessages(misbehaviour, id, events, spoiledPerAnswer)) socket.send(text)
    // New keys for each page would make a past without an end, and what is meant is many keys.
    if (misbehaviour === 'many-keys' && !isPage) this.#invent(socket, id, spoiledPerAnswer)
    if (misbehaviour === 'garbage') socket.send(Buffer.from([1, 2, 3]), { binary: true })
    if (misbehaviour === 'floods') this.#stream(socket, () => '["NOTICE","and another thing"]')
    if (misbehaviour === 'endless-pieces') this.#stream(socket, () => ' ', { fin: false })
    if (misbehaviour === 'endless-stream') {
      const [first = eventOfNewKey({})] = this.#answer(filters)
      this.#stream(socket, () => JSON.stringify(['EVENT', id, first]))
    }
  }

  #invent(socket: WebSocket, id: string, count: number): void {
    const nowSeconds = Math.floor(Date.now() / 1_000)
    for (let n = 0; n < count; n++) {
      const event = eventOfNewKey({ created_at: nowSeconds - n })
      this.invented.push(event)
      say(socket, 'EVENT', id, event)
    }
  }

  #stream(socket: WebSocket, next: () => string, options = { fin: true }): void {
    const text = next()
    const pump = () => {
      if (socket.readyState !== socket.OPEN) return
      for (let sent = 0; sent < 200 && socket.bufferedAmount < MAX_BUFFERED_BYTES; sent++)
        socket.send(text, options)
      setTimeout(pump, 1).unref()
    }
    pump()
  }
}

const RAW_ANSWERS: Readonly<Record<string, string>> = {
  redirects: 'HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n',
  'no-websocket': 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>',
  'no-http': '220 mail.example ESMTP\r\n',
}

/** What comes before an answer that is right. */
function spoiledMessages(
  misbehaviour: Misbehaviour | undefined,
  id: string,
  events: readonly NostrEvent[],
  count: number,
): readonly string[] {
  // Known events are spoiled, and one that nobody has: who looks at ids first may pass over the others.
  const some = [eventOfNewKey({}), ...events.slice(0, count - 1)]
  const asEvents = (spoiled: readonly unknown[]) =>
    spoiled.map((event) => JSON.stringify(['EVENT', id, event]))
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const times = Array.from({ length: count }, (_, index) => index)
  switch (misbehaviour) {
    case 'garbage':
      return [
        'what is this',
        '{"not":"an array"}',
        '["EVENT"',
        '["EOSE",',
        '[]',
        '[1]',
        '[["EVENT"]]',
        '\u0000\ufffe',
      ]
    case 'forged-ids':
      return asEvents(some.map(withForgedId))
    case 'wrong-signatures':
      return asEvents(some.map(withWrongSignature))
    case 'malformed-events':
      return asEvents([
        { ...some[0], kind: -1 },
        { ...some[0], tags: 'none' },
        { ...some[0], created_at: 'yesterday' },
        { id: some[0]?.id },
      ])
    case 'other-filters':
      return asEvents(times.map((n) => eventOfNewKey({ kind: 31_999, content: `${n}` })))
    case 'long-messages':
      return [JSON.stringify(['EVENT', id, { ...some[0], content: 'x'.repeat(LONG_MESSAGE_BYTES) }])]
    case 'future-dates':
      return asEvents(times.map((n) => eventOfNewKey({ created_at: nowSeconds + 86_400 + n })))
    case 'absurd-dates':
      return asEvents(times.map((n) => eventOfNewKey({ created_at: n })))
    default:
      return []
  }
}

function say(socket: WebSocket, ...message: readonly unknown[]): void {
  if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
}

function filterOf(value: unknown): Filter {
  const filter = parseFilter(value)
  if (!filter.ok) throw new Error(filter.refusal.text)
  return filter.value
}

/** As NIP-01 has it: newest first, then lowest id first. */
function newestFirst(events: readonly NostrEvent[]): NostrEvent[] {
  return events.toSorted((a, b) => (isNewer(a, b) ? -1 : 1))
}

function isNewer(a: NostrEvent, b: NostrEvent): boolean {
  return a.created_at > b.created_at || (a.created_at === b.created_at && a.id < b.id)
}
