/** The side of BTP that connects. */
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { AppError, type Clock } from '../../kernel/index.ts'
import type { Logger } from '../../platform/index.ts'
import { createBackOff } from '../back-off.ts'
import type { Link, LinkEvents } from '../link.ts'
import { authMessage } from './auth.ts'
import { BtpLink } from './btp-link.ts'
import { parseBtpUrl } from './btp-url.ts'
import { decodeBtpFrame, encodeBtpFrame } from './frames.ts'
import { type BtpLimits, DEFAULT_BTP_LIMITS } from './limits.ts'
import { BtpSession } from './session.ts'

export interface ConnectBtpOptions {
  /** As `parseBtpUrl` takes it. */
  readonly url: string
  /** Who we are; not empty where the server wants to know. */
  readonly token: string
  /** Most servers need none. */
  readonly username?: string
  readonly events: LinkEvents
  readonly clock: Clock
  readonly logger: Logger
  readonly limits?: Partial<BtpLimits>
  /** From 0 to just below 1, for the waits between connections. */
  readonly random?: () => number
}

/** A connection that lived so long was a good one: the next one is tried soon. */
const STABLE_AFTER_MS = 10_000
const AUTH_REQUEST_ID = 1

/**
 * Connects to a peer's BTP server, and again whenever the connection ends, until the link is closed.
 *
 * @throws AppError INTERNAL when `parseBtpUrl` refuses the address.
 */
export function connectBtp(options: ConnectBtpOptions): Link {
  return new BtpClient(options).link
}

class BtpClient {
  readonly link: BtpLink
  readonly #options: ConnectBtpOptions
  readonly #url: URL
  readonly #limits: BtpLimits
  readonly #backOff
  #socket: WebSocket | undefined
  #retry: NodeJS.Timeout | undefined
  #openedAtMs: number | undefined
  #isClosed = false
  /** Failures of one kind are told once. */
  #lastFailure = ''

  constructor(options: ConnectBtpOptions) {
    const url = parseBtpUrl(options.url)
    if (!url.ok) throw new AppError('INTERNAL', `the address of a BTP server was not checked: ${url.refusal}`)
    this.#options = options
    this.#url = url.value
    this.#limits = { ...DEFAULT_BTP_LIMITS, ...options.limits }
    const { minReconnectMs: minMs, maxReconnectMs: maxMs } = this.#limits
    this.#backOff = createBackOff({ minMs, maxMs, random: options.random ?? Math.random })
    this.link = new BtpLink({ events: options.events, onClose: () => this.#stop() })
    this.#connect()
  }

  #stop(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    // One that stands is closed by its session, politely.
    if (this.#openedAtMs === undefined) this.#socket?.terminate()
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, {
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout: this.#limits.connectTimeoutMs,
      maxPayload: this.#limits.maxFrameBytes,
    })
    this.#socket = socket
    const timeout = setTimeout(() => socket.terminate(), this.#limits.connectTimeoutMs)
    let stream: Duplex | undefined
    let problem = 'the server closed the connection'
    socket.on('upgrade', (response) => {
      stream = response.socket
    })
    socket.on('open', () => {
      const credentials = { token: this.#options.token, username: this.#options.username ?? '' }
      socket.send(encodeBtpFrame(authMessage(AUTH_REQUEST_ID, credentials)))
    })
    const onMessage = (data: Buffer): void => {
      const verdict = authVerdict(data)
      if (verdict === undefined || stream === undefined) return
      socket.off('message', onMessage)
      clearTimeout(timeout)
      if (verdict.isAccepted) this.#open(socket, stream)
      else {
        problem = `the server refused us: ${verdict.text}`
        socket.close()
      }
    }
    socket.on('message', onMessage)
    socket.on('error', (error) => {
      problem = error.message
    })
    socket.on('close', () => {
      clearTimeout(timeout)
      this.#again(problem)
    })
  }

  #open(socket: WebSocket, stream: Duplex): void {
    const { events, clock, logger } = this.#options
    this.#openedAtMs = clock.nowMs()
    this.#lastFailure = ''
    logger.info({ server: this.#url.host }, 'btp.connected')
    this.link.attach(
      new BtpSession({ socket, stream, events, clock, logger, limits: this.#limits }),
      () => undefined,
    )
  }

  #again(problem: string): void {
    if (this.#isClosed) return
    const { clock, logger } = this.#options
    const hasLasted = this.#openedAtMs !== undefined && clock.nowMs() - this.#openedAtMs >= STABLE_AFTER_MS
    this.#openedAtMs = undefined
    if (hasLasted) this.#backOff.reset()
    const waitMs = this.#backOff.nextMs()
    const level = problem === this.#lastFailure ? 'debug' : 'warn'
    this.#lastFailure = problem
    logger[level]({ server: this.#url.host, problem, waitMs }, 'btp.disconnected')
    this.#retry = setTimeout(() => this.#connect(), waitMs)
  }
}

/** The server's answer to our first message; undefined when the frame is something else. */
function authVerdict(data: Buffer): { readonly isAccepted: boolean; readonly text: string } | undefined {
  const frame = decodeBtpFrame(data)
  if (!frame.ok || frame.value.requestId !== AUTH_REQUEST_ID) return undefined
  if (frame.value.type === 'response') return { isAccepted: true, text: '' }
  if (frame.value.type !== 'error') return undefined
  return { isAccepted: false, text: `${frame.value.code} ${frame.value.name}` }
}
