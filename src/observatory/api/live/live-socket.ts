/**
 * `/api/v1/live`: the same by WebSocket. A client sends `{"action":"want","data":["overview"],"range":"24h"}`, `drop` with the
 * same members, or `{"action":"ping"}`; it is sent `LiveMessage`s, `{"done": …}` for each of its own, or `{"error": …}`.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { UpgradeHandler } from '../../../platform/index.ts'
import type { ObservatoryApiDeps } from '../deps.ts'
import { statusOf, type TimedRefusal } from '../http/refuse.ts'
import { Callers, tooMany } from '../limits/callers.ts'
import { createLiveHub, type LiveHub, MAX_READERS, type Reader, TOO_MANY_READERS } from './live-hub.ts'
import { readLiveRequest } from './read-live-request.ts'

export const LIVE_PATH = '/api/v1/live'

/** Of one message of a client. */
const MAX_PAYLOAD_BYTES = 4_096
/** Messages of a client in `PATIENCE_MS`; one that sends more is sent away. */
const MAX_MESSAGES = 30
const PATIENCE_MS = 10_000
/** A client that did not answer the last ping by the next one is gone. */
const HEARTBEAT_MS = 30_000
/** Bytes that may wait in a socket before nothing more is put into it. */
const MAX_WAITING_BYTES = 64 * 1024

const CLOSE_GOING_AWAY = 1001
const CLOSE_TOO_MUCH = 1008
const CLOSE_TRY_LATER = 1013

export interface LiveSocket {
  readonly handleUpgrade: UpgradeHandler
  /** Ends all sockets and takes no more. */
  close(): void
}

export function createLiveSocket(deps: ObservatoryApiDeps): LiveSocket {
  const socket = new Live(deps)
  return {
    handleUpgrade: (request, stream, head) => void socket.handleUpgrade(request, stream, head),
    close: () => socket.close(),
  }
}

class Live {
  readonly #deps: ObservatoryApiDeps
  readonly #hub: LiveHub
  readonly #callers: Callers
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MAX_PAYLOAD_BYTES,
    clientTracking: true,
  })
  readonly #silent = new WeakSet<WebSocket>()
  readonly #heartbeat: NodeJS.Timeout
  #isClosed = false

  constructor(deps: ObservatoryApiDeps) {
    this.#deps = deps
    this.#hub = deps.live ?? createLiveHub(deps)
    this.#callers = new Callers(deps)
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS).unref()
  }

  /** Never rejects: anything wrong is answered on the socket. */
  async handleUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): Promise<void> {
    const ignore = () => stream.destroy()
    stream.on('error', ignore)
    try {
      const refusal = await this.#refusalFor(request)
      if (stream.destroyed) return
      if (refusal !== undefined) return refuseUpgrade(stream, refusal)
      stream.off('error', ignore)
      this.#sockets.handleUpgrade(request, stream, head, (socket) => this.#serve(socket, request))
    } catch (err) {
      this.#deps.logger.warn({ err }, 'observatory.live_refused')
      stream.destroy()
    }
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#heartbeat)
    for (const socket of this.#sockets.clients) {
      socket.close(CLOSE_GOING_AWAY)
      // Who does not answer the farewell is not waited for.
      setTimeout(() => socket.terminate(), 1_000).unref()
    }
    if (this.#deps.live === undefined) this.#hub.close()
  }

  /** What keeps it out; undefined: let it in. */
  async #refusalFor(request: IncomingMessage): Promise<TimedRefusal | undefined> {
    if (
      this.#isClosed ||
      this.#sockets.clients.size >= MAX_READERS ||
      !this.#hub.hasRoom(this.#addressOf(request))
    )
      return TOO_MANY_READERS
    const who = await this.#callers.of(request)
    if (!who.ok) return who.refusal
    const { isAllowed, limit, resetSeconds } = this.#callers.take(who.value)
    return isAllowed ? undefined : tooMany(limit, resetSeconds)
  }

  #addressOf(request: IncomingMessage): string {
    return this.#deps.addressOf(request) ?? 'unknown'
  }

  #serve(socket: WebSocket, request: IncomingMessage): void {
    socket.on('error', () => socket.terminate())
    const reader = this.#hub.join(this.#addressOf(request), {
      isFree: () => socket.bufferedAmount <= MAX_WAITING_BYTES,
      write: ({ text }) => socket.send(text, () => reader?.onFree()),
    })
    if (reader === undefined) {
      // Others were quicker, while it was asked who this is.
      socket.close(CLOSE_TRY_LATER, 'too many are watching')
      return
    }
    socket.on('close', () => reader.leave())
    socket.on('pong', () => this.#silent.delete(socket))
    const pace = { began: this.#deps.clock.nowMs(), messages: 0 }
    socket.on('message', (data: Buffer, isBinary) => {
      const nowMs = this.#deps.clock.nowMs()
      if (nowMs - pace.began >= PATIENCE_MS) Object.assign(pace, { began: nowMs, messages: 0 })
      pace.messages++
      if (pace.messages > MAX_MESSAGES) socket.close(CLOSE_TOO_MUCH, 'too many messages')
      else answer(socket, reader, isBinary ? '' : data.toString())
    })
  }

  #beat(): void {
    for (const socket of this.#sockets.clients) {
      if (this.#silent.has(socket)) socket.terminate()
      else {
        this.#silent.add(socket)
        socket.ping()
      }
    }
  }
}

function answer(socket: WebSocket, reader: Reader, text: string): void {
  const read = readLiveRequest(text)
  if (!read.ok) {
    const { code, text: message } = read.refusal
    send(socket, { error: { code, message } })
    return
  }
  const request = read.value
  if (request.action === 'ping') {
    send(socket, { done: 'ping' })
    return
  }
  // The answer first: the figures that it brings come behind it.
  send(socket, { done: request.action, data: request.topics, range: request.range })
  for (const topic of request.topics) reader[request.action]({ topic, range: request.range })
}

/** Answers are as few as the client's own messages; who does not read them is not sent them. */
function send(socket: WebSocket, message: object): void {
  if (socket.bufferedAmount <= MAX_WAITING_BYTES * 2) socket.send(JSON.stringify(message))
}

/** As an answer of HTTP, with its reason: programs read it, and browsers show at least that there was one. */
function refuseUpgrade(stream: Duplex, refusal: TimedRefusal): void {
  const status = statusOf(refusal)
  const body = JSON.stringify({ error: { code: refusal.code, message: refusal.text } })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(refusal.retryAfterSeconds === undefined ? [] : [`Retry-After: ${refusal.retryAfterSeconds}`]),
  ]
  stream.once('finish', () => stream.destroy())
  stream.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
