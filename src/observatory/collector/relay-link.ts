/** One WebSocket to a relay: bytes, bounds and times; what they mean is decided elsewhere. */
import { WebSocket } from 'ws'
import type { Offence } from '../relay-report.ts'
import { failureOf, failureOfStatus, type LinkEnd } from './link-failure.ts'
import {
  isEventMessage,
  MAX_PLAIN_MESSAGE_BYTES,
  parseRelayMessage,
  type RelayMessage,
} from './relay-message.ts'
import type { RelayRoute } from './relay-route.ts'

/** A relay that does not answer our close must not keep the socket. */
const CLOSE_TIMEOUT_MS = 1_000
/** Reads from the socket that one message may take: Tor brings a mebibyte in some two thousand. */
const MAX_PIECES = 4_096
/** Frames of one message (RFC 6455, 5.4). */
const MAX_FRAGMENTS = 1_024

export interface LinkHandlers {
  /** @param tookMs from the first packet to the end of the handshake. */
  onOpen(tookMs: number): void
  /** Any message came; before anything else is told of it. @returns whether to read it. */
  onBytes(bytes: number): boolean
  onEvent(data: Buffer): void
  onMessage(message: Exclude<RelayMessage, { verb: 'EVENT' }>): void
  /** @param tookMs undefined when the answer may have waited for us to read it. */
  onPong(tookMs: number | undefined): void
  onOffence(offence: Offence): void
  /** Once; not after `leave`. */
  onEnd(end: LinkEnd): void
}

export class RelayLink {
  readonly #socket: WebSocket
  readonly #handlers: LinkHandlers
  readonly #startedMs = performance.now()
  #pingedMs: number | undefined
  #wasPausedSincePing = false
  #isReached = false
  #isOver = false

  /** Nothing here ends a handshake that takes too long: whoever made this looks at the time, and knows whether we were late. */
  constructor(route: RelayRoute, maxMessageBytes: number, handlers: LinkHandlers) {
    this.#handlers = handlers
    this.#socket = new WebSocket(route.address, {
      ...route.options,
      perMessageDeflate: false,
      // Text goes to the JSON parser and to the verifier, which do not take what is no UTF-8.
      skipUTF8Validation: true,
      followRedirects: false,
      maxPayload: maxMessageBytes,
      // A message that comes byte by byte costs hundreds of bytes of memory for each.
      maxBufferedChunks: MAX_PIECES,
      maxFragments: MAX_FRAGMENTS,
      finishRequest: (request) => {
        request.once('socket', (socket) => {
          socket.once('connect', () => {
            this.#isReached = true
          })
        })
        request.end()
      },
    })
    this.#listen()
  }

  /** There is a machine that answers, whatever it says. */
  get isReached(): boolean {
    return this.#isReached
  }

  get isPaused(): boolean {
    return this.#socket.isPaused
  }

  /** A ping is on its way and was not answered. */
  get isPinged(): boolean {
    return this.#pingedMs !== undefined
  }

  send(text: string): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(text)
  }

  ping(): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#pingedMs = performance.now()
    this.#wasPausedSincePing = false
    this.#socket.ping()
  }

  /** Reads nothing more, so that the relay waits. */
  pause(): void {
    this.#wasPausedSincePing = true
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Ends the connection from our side. Nothing is told of it. */
  leave(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#socket.close()
    setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS).unref()
  }

  #listen(): void {
    const socket = this.#socket
    socket.on('open', () => {
      if (!this.#isOver) this.#handlers.onOpen(performance.now() - this.#startedMs)
    })
    socket.on('message', (data: Buffer, isBinary) => this.#onData(data, isBinary))
    socket.on('pong', () => this.#onPong())
    socket.on('unexpected-response', (request, response) => {
      // Nobody reads the answer: a page may be long.
      response.destroy()
      request.destroy()
      this.#end(failureOfStatus(response.statusCode ?? 0))
    })
    socket.on('error', (error) => this.#end(failureOf(error)))
    socket.on('close', (code) => this.#end({ reason: `it closed the connection (${code})`, isByRelay: true }))
  }

  #onData(data: Buffer, isBinary: boolean): void {
    if (this.#isOver || !this.#handlers.onBytes(data.length)) return
    if (isBinary) this.#handlers.onOffence('not-json')
    else if (isEventMessage(data)) this.#handlers.onEvent(data)
    else this.#onPlain(data)
  }

  #onPlain(data: Buffer): void {
    if (data.length > MAX_PLAIN_MESSAGE_BYTES) {
      this.#handlers.onOffence('message-too-long')
      return
    }
    const message = parseRelayMessage(data)
    if (message === undefined) this.#handlers.onOffence('not-json')
    else if (message.verb === 'EVENT') this.#handlers.onEvent(message.json)
    else this.#handlers.onMessage(message)
  }

  #onPong(): void {
    if (this.#isOver || this.#pingedMs === undefined) return
    const tookMs = performance.now() - this.#pingedMs
    this.#pingedMs = undefined
    this.#handlers.onPong(this.#wasPausedSincePing ? undefined : tookMs)
  }

  #end(end: LinkEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#socket.terminate()
    this.#handlers.onEnd(end)
  }
}
