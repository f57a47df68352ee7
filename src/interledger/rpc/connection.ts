/** One connection: who it is, and what it may cost. tRPC answers the calls. */
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Encoder, getWSConnectionHandler, jsonEncoder } from '@trpc/server/adapters/ws'
import type { WebSocket, WebSocketServer } from 'ws'
import type { Logger } from '../../platform/index.ts'
import type { IlpActor } from '../node/index.ts'
import type { RpcContext, RpcDesk } from './builder.ts'
import { MAX_STRANGER_BYTES, REFUSAL_DELAY_MS, type RpcLimits } from './limits.ts'
import { Quota } from './quota.ts'
import { isFault, RefusedCall } from './refused-call.ts'
import type { IlpRouter } from './router.ts'

export interface ConnectionDeps {
  readonly server: WebSocketServer
  readonly socket: WebSocket
  readonly request: IncomingMessage
  readonly router: IlpRouter
  readonly desk: RpcDesk
  readonly logger: Logger
  readonly limits: RpcLimits
  /** By its header; undefined when the first message is to tell. */
  readonly actor: IlpActor | undefined
  readonly actorOf: (token: string | undefined) => IlpActor | undefined
  /** The token in the first message was right. */
  readonly onKnown: () => void
}

/** @throws what tRPC throws when it cannot read the request's URL or Host. */
export function serveConnection(deps: ConnectionDeps): void {
  const { server, socket, request, router, logger, limits } = deps
  const caller = new Caller(deps)
  // Before tRPC's own listener: a message too many ends the connection first.
  socket.on('message', (data: Buffer) => caller.noteMessage(data.length))
  const serve = getWSConnectionHandler<IlpRouter>({
    wss: server,
    router,
    maxBatchSize: limits.maxCalls + limits.maxSubscriptions,
    keepAlive: { enabled: true, pingMs: limits.pingIntervalMs, pongWaitMs: limits.pongTimeoutMs },
    experimental_encoder: caller.encoder,
    createContext: ({ info }) => caller.context(info.connectionParams?.token, info.signal),
    onError: ({ error, path }) => {
      if (isFault(error)) logger.error({ err: error.cause ?? error, path }, 'rpc.failed')
    },
  })
  serve(socket, request)
}

class Caller {
  readonly #deps: ConnectionDeps
  #actor: IlpActor | undefined
  #strangerBytes = 0
  #brokenMessages = 0

  constructor(deps: ConnectionDeps) {
    this.#deps = deps
    this.#actor = deps.actor
  }

  /** All that is sent passes here, so this is where a client that does not read is left. */
  readonly encoder: Encoder = {
    encode: (message) => {
      this.#leaveIfUnread()
      if (isAnswerToNothing(message)) this.#noteBroken()
      return jsonEncoder.encode(message)
    },
    decode: (data) => jsonEncoder.decode(data),
  }

  noteMessage(bytes: number): void {
    this.#leaveIfUnread()
    if (this.#actor !== undefined) return
    this.#strangerBytes += bytes
    if (this.#strangerBytes > MAX_STRANGER_BYTES) this.#leave('a stranger says too much')
  }

  /** tRPC calls it once, and within the message with the token: what comes right behind that is no stranger's. */
  async context(token: string | undefined, signal: AbortSignal): Promise<RpcContext> {
    const { desk, limits, actorOf, onKnown } = this.#deps
    this.#actor ??= actorOf(token)
    if (this.#actor === undefined) {
      this.#deps.logger.debug('rpc.token_refused')
      // Ended by the end of the connection, which is then told nothing any more.
      await sleep(REFUSAL_DELAY_MS, undefined, { signal }).catch(() => undefined)
      throw new RefusedCall({ code: 'UNAUTHORIZED', text: 'the token is not known here' })
    }
    onKnown()
    const quota = new Quota({ calls: limits.maxCalls, subscriptions: limits.maxSubscriptions })
    return { ...desk, actor: this.#actor, quota }
  }

  #leaveIfUnread(): void {
    const { socket, limits } = this.#deps
    if (socket.bufferedAmount > limits.maxUnreadBytes) this.#leave('the client does not read')
  }

  #noteBroken(): void {
    this.#brokenMessages++
    if (this.#brokenMessages > this.#deps.limits.maxBrokenMessages) this.#leave('too many broken messages')
  }

  #leave(why: string): void {
    const { socket, logger } = this.#deps
    if (socket.readyState !== socket.OPEN) return
    logger.debug({ why }, 'rpc.left')
    socket.terminate()
  }
}

/** tRPC answers without an id what it could not read. */
function isAnswerToNothing(message: unknown): boolean {
  return (
    typeof message === 'object' &&
    message !== null &&
    'id' in message &&
    message.id === null &&
    'error' in message
  )
}
