/** The side of BTP that peers connect to. It opens no port: upgrades come from whoever has one. */
import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import type { FailedTokens } from '../failed-tokens.ts'
import type { Link, LinkEvents } from '../link.ts'
import { type Credentials, readAuth } from './auth.ts'
import { BtpLink } from './btp-link.ts'
import { btpError } from './errors.ts'
import { type BtpFrame, decodeBtpFrame, encodeBtpFrame } from './frames.ts'
import { type BtpLimits, CLOSE_TIMEOUT_MS, DEFAULT_BTP_LIMITS } from './limits.ts'
import { BtpSession } from './session.ts'

/** Where a BTP server is, by custom of this program. */
export const BTP_PATH = '/btp'

export interface BtpServerDeps {
  /** Whose token that is: a peer's id, undefined when nobody's. */
  readonly authenticate: (credentials: Credentials) => string | undefined
  readonly failedTokens: FailedTokens
  /** The client's address, as limits count it; undefined when it is not known. */
  readonly addressOf: (request: IncomingMessage) => string | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<BtpLimits>
}

export interface BtpServer {
  /**
   * The link of a peer that connects to us: one object through all its connections, unconnected until it comes. One that
   * the peer had before must be closed. A peer without a link is refused whatever token it shows.
   */
  addPeer(peerId: string, events: LinkEvents): Link
  /** Takes an upgrade over. Anything wrong with it is answered on the socket. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Ends all connections and takes no more. */
  close(): Promise<void>
}

/** Connections that have not said yet who they are. */
const MAX_STRANGERS = 200
const CLOSE_POLICY = 1008

export function createBtpServer(deps: BtpServerDeps): BtpServer {
  return new Server(deps)
}

interface PeerEntry {
  readonly link: BtpLink
  readonly events: LinkEvents
  readonly logger: Logger
}

/** Who has not said yet who it is. */
interface Stranger {
  readonly socket: WebSocket
  readonly stream: Duplex
  readonly from: string | undefined
}

class Server implements BtpServer {
  readonly #deps: BtpServerDeps
  readonly #limits: BtpLimits
  readonly #handshakes: WebSocketServer
  readonly #peers = new Map<string, PeerEntry>()
  readonly #strangers = new Set<WebSocket>()
  #isClosed = false

  constructor(deps: BtpServerDeps) {
    this.#deps = deps
    this.#limits = { ...DEFAULT_BTP_LIMITS, ...deps.limits }
    this.#handshakes = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: this.#limits.maxFrameBytes,
    })
  }

  addPeer(peerId: string, events: LinkEvents): Link {
    const link = new BtpLink({
      events,
      onClose: () => {
        if (this.#peers.get(peerId)?.link === link) this.#peers.delete(peerId)
      },
    })
    this.#peers.set(peerId, { link, events, logger: this.#deps.logger.child({ peerId }) })
    return link
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#isClosed || this.#strangers.size >= MAX_STRANGERS) {
      refuseUpgrade(socket)
      return
    }
    const from = this.#deps.addressOf(request)
    this.#handshakes.handleUpgrade(request, socket, head, (webSocket) =>
      this.#meet({ socket: webSocket, stream: socket, from }),
    )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const stranger of this.#strangers) stranger.terminate()
    await Promise.all([...this.#peers.values()].map(({ link }) => link.close()))
  }

  /** Waits for the first message, and not for long. */
  #meet(stranger: Stranger): void {
    const { socket } = stranger
    this.#strangers.add(socket)
    const timeout = setTimeout(() => socket.terminate(), this.#limits.connectTimeoutMs)
    const forget = (): void => {
      clearTimeout(timeout)
      this.#strangers.delete(socket)
    }
    socket.on('close', forget)
    // Closing follows, and that is what is acted on.
    socket.on('error', () => undefined)
    socket.once('message', (data: Buffer) => {
      forget()
      this.#admit(stranger, data)
    })
  }

  #admit({ socket, stream, from }: Stranger, data: Buffer): void {
    const frame = decodeBtpFrame(data)
    if (!frame.ok) {
      closeSoon(socket, 'no BTP frame')
      return
    }
    const credentials = readAuth(frame.value)
    if (!credentials.ok) {
      this.#refuse(socket, frame.value, credentials.refusal)
      return
    }
    const { authenticate, failedTokens } = this.#deps
    if (!failedTokens.mayTry(from)) {
      this.#refuse(socket, frame.value, 'too many wrong tokens came from this address')
      return
    }
    const peerId = authenticate(credentials.value)
    if (peerId === undefined) failedTokens.note(from)
    const peer = this.#peers.get(peerId ?? '')
    if (peer === undefined) {
      this.#refuse(socket, frame.value, 'the token is of no peer')
      return
    }
    this.#attach(peer, { socket, stream, requestId: frame.value.requestId })
  }

  #attach(
    { link, events, logger }: PeerEntry,
    { socket, stream, requestId }: { socket: WebSocket; stream: Duplex; requestId: number },
  ): void {
    const { clock } = this.#deps
    const session = new BtpSession({ socket, stream, events, clock, logger, limits: this.#limits })
    link.attach(session, () => {
      logger.info('btp.connected')
      session.write({ type: 'response', requestId, protocols: [] })
    })
  }

  #refuse(socket: WebSocket, { requestId }: BtpFrame, text: string): void {
    // Strangers must not be able to fill the log.
    this.#deps.logger.debug({ why: text }, 'btp.refused')
    socket.send(encodeBtpFrame(btpError(requestId, 'notAccepted', text, this.#deps.clock)))
    closeSoon(socket, text)
  }
}

function closeSoon(socket: WebSocket, reason: string): void {
  const timeout = setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS)
  socket.once('close', () => clearTimeout(timeout))
  socket.close(CLOSE_POLICY, reason)
}

function refuseUpgrade(socket: Duplex): void {
  // The client may be gone already; there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  socket.end(`HTTP/1.1 503 ${STATUS_CODES[503]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
