/** The RPC over WebSocket. It opens no port: upgrades come from whoever has one. */
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { createFailedTokens, type FailedTokens } from '../failed-tokens.ts'
import type { IlpActor } from '../node/index.ts'
import type { RpcDesk } from './builder.ts'
import { serveConnection } from './connection.ts'
import { CLOSE_TIMEOUT_MS, DEFAULT_RPC_LIMITS, type RpcLimits } from './limits.ts'
import { createIlpRouter } from './router.ts'
import { bearerOf, type RpcToken, RpcTokens } from './tokens.ts'

/** Where the RPC is, by custom of this program. */
export const RPC_PATH = '/trpc'

export interface RpcServerDeps {
  readonly desk: RpcDesk
  /** Without any, nobody is let in. */
  readonly tokens: readonly RpcToken[]
  /** The client's address, as limits count it; undefined when it is not known. */
  readonly addressOf: (request: IncomingMessage) => string | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<RpcLimits>
}

export interface RpcServer {
  /** Takes an upgrade over. Anything wrong with it is answered on the socket. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Connections, those included that have shown no token yet. */
  readonly connections: number
  /** Ends all connections and takes no more. */
  close(): Promise<void>
}

/** tRPC's own sign that the first message will be a token (browsers cannot set headers). */
const ASKS_LATER = /[?&]connectionParams=1(?:&|$)/
const CLOSE_GOING_AWAY = 1001

/** @throws AppError CONFIG_INVALID for a token that is too short. */
export function createRpcServer(deps: RpcServerDeps): RpcServer {
  return new Server(deps)
}

class Server implements RpcServer {
  readonly #deps: RpcServerDeps
  readonly #limits: RpcLimits
  readonly #tokens: RpcTokens
  readonly #failedTokens: FailedTokens
  readonly #router = createIlpRouter()
  readonly #sockets: WebSocketServer
  readonly #strangers = new Set<WebSocket>()
  #isClosed = false

  constructor(deps: RpcServerDeps) {
    this.#deps = deps
    this.#limits = { ...DEFAULT_RPC_LIMITS, ...deps.limits }
    this.#tokens = new RpcTokens(deps.tokens)
    this.#failedTokens = createFailedTokens(deps)
    this.#sockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: this.#limits.maxPayloadBytes,
    })
  }

  get connections(): number {
    return this.#sockets.clients.size
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const actor = this.#actorOf(bearerOf(request.headers.authorization), request)
    const refusal = this.#refusalOf(request, actor)
    if (refusal === undefined) this.#upgrade(request, socket, head, actor)
    else refuseUpgrade(socket, refusal)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#sockets.clients].map(endSocket))
  }

  /** The HTTP status that keeps it out; undefined: let it in, a stranger who will show a token among them. */
  #refusalOf({ headers, url }: IncomingMessage, actor: IlpActor | undefined): 401 | 503 | undefined {
    if (this.#isClosed || this.connections >= this.#limits.maxConnections) return 503
    if (actor !== undefined) return undefined
    if (headers.authorization !== undefined || !ASKS_LATER.test(url ?? '')) return 401
    return this.#strangers.size >= this.#limits.maxStrangers ? 503 : undefined
  }

  #actorOf(token: string | undefined, request: IncomingMessage): IlpActor | undefined {
    const address = this.#deps.addressOf(request)
    if (token === undefined || !this.#failedTokens.mayTry(address)) return undefined
    const actor = this.#tokens.actorOf(token)
    if (actor === undefined) this.#failedTokens.note(address)
    return actor
  }

  #upgrade(request: IncomingMessage, stream: Duplex, head: Buffer, actor: IlpActor | undefined): void {
    const { desk, logger } = this.#deps
    this.#sockets.handleUpgrade(request, stream, head, (socket) => {
      if (actor === undefined) this.#awaitToken(socket)
      try {
        serveConnection({
          socket,
          request,
          desk,
          logger,
          actor,
          server: this.#sockets,
          router: this.#router,
          limits: this.#limits,
          actorOf: (token) => this.#actorOf(token, request),
          onKnown: () => this.#strangers.delete(socket),
        })
      } catch (err) {
        // tRPC reads the Host header and throws when that is none.
        logger.debug({ err }, 'rpc.refused')
        socket.terminate()
      }
    })
  }

  #awaitToken(socket: WebSocket): void {
    this.#strangers.add(socket)
    const timeout = setTimeout(() => {
      if (this.#strangers.has(socket)) socket.terminate()
    }, this.#limits.authTimeoutMs)
    socket.once('close', () => {
      clearTimeout(timeout)
      this.#strangers.delete(socket)
    })
  }
}

function endSocket(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    const timeout = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS)
    socket.once('close', () => {
      clearTimeout(timeout)
      resolve()
    })
    socket.close(CLOSE_GOING_AWAY)
  })
}

function refuseUpgrade(socket: Duplex, status: 401 | 503): void {
  // The client may be gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  const challenge = status === 401 ? 'WWW-Authenticate: Bearer\r\n' : ''
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${challenge}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  )
}
